//! What people told us of themselves. Every look-up carries the owner; what they hold is sealed.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::SqliteConnection;

use super::{
    Store, StoreError,
    columns::{self, bad},
    keys::Change,
    sealed::Place,
    veil::Veil,
};
use crate::{
    delivery::state::State,
    domain::{
        ids::{GoalId, Home, LedgerEntryId, PositionId, UserId, WatchId},
        ledger::{Entry, Logged},
        person::{Chosen, Look, Looks},
        plan::{Goal, KeptGoal},
        position::{Position, Stake},
        time::Timestamp,
        watch::KeptWatch,
    },
};

pub(in crate::store) mod drawer;

pub use drawer::Full;
use drawer::{ENTRIES, GOALS, Kept, POSITIONS, WATCHES, emptied};

const fn kept_goal(kept: &Kept<Goal>) -> KeptGoal {
    KeptGoal {
        id: GoalId(kept.id),
        goal: kept.what,
        kept_at: kept.added_at,
    }
}

/// All that is kept of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub agreed_at: Timestamp,
    /// The day on which they last used it, to within a day.
    pub used_at: Timestamp,
    /// When they were told that it goes unused.
    pub warned_at: Option<Timestamp>,
    pub chosen: Chosen,
    pub positions: Vec<Position>,
    /// Income that they logged.
    pub entries: Vec<Logged>,
    pub goals: Vec<KeptGoal>,
    pub watches: Vec<KeptWatch>,
    pub looks: Option<Looks>,
    /// The last review that was marked as done.
    pub review: Option<Look>,
}

/// A message to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub written_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    pub state: State,
    /// The watch that gave it, where one did.
    pub watch: Option<WatchId>,
    /// They go before the message does.
    pub words: Option<String>,
}

/// Its key, words and times, where it stands and what gave it.
type LetterRow = (Vec<u8>, String, i64, Option<i64>, String, Option<i64>);

/// What there is one of for each person.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Chosen,
    Look,
    Review,
}

impl Subject {
    const fn slug(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Look => "look",
            Self::Review => "review",
        }
    }

    const fn place(self, owner: UserId) -> Place {
        Place {
            table: "personal",
            column: self.slug(),
            row: 0,
            owner: owner.0,
        }
    }
}

fn position(owner: UserId, kept: Kept<Stake>) -> Position {
    Position {
        id: PositionId(kept.id),
        owner,
        stake: kept.what,
        added_at: kept.added_at,
    }
}

fn logged(kept: Kept<Entry>) -> Logged {
    Logged {
        id: LedgerEntryId(kept.id),
        entry: kept.what,
        added_at: kept.added_at,
    }
}

impl Store {
    /// Whether the person has read what is kept and agreed.
    pub async fn agreed(&self, user: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM person WHERE blind = $1)";
        Ok(sqlx::query_scalar(SQL)
            .bind(self.keyring.blind(user))
            .fetch_one(&self.readers)
            .await?)
    }

    /// Notes that the person has agreed, and makes the key of what will be kept of them.
    pub async fn agree(&self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO person (blind, name, key, agreed_at, used_at) VALUES ($1, $2, $3, $4, $4) \
             ON CONFLICT (blind) DO NOTHING";
        let (_, key) = self.keyring.forged(Home::Person(user));
        sqlx::query(SQL)
            .bind(self.keyring.blind(user))
            .bind(self.keyring.hidden(user))
            .bind(key)
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The person's positions, oldest first.
    pub async fn positions(&self, user: UserId) -> Result<Vec<Position>, StoreError> {
        let rows = self.drawn(&POSITIONS, user).await?;
        Ok(rows.into_iter().map(|kept| position(user, kept)).collect())
    }

    /// Keeps positions, all of them or none: a person has `most` at most. They have to have agreed before.
    pub async fn add_positions(
        &self,
        user: UserId,
        stakes: &[Stake],
        most: usize,
        now: Timestamp,
    ) -> Result<Result<Vec<PositionId>, Full>, StoreError> {
        let put = self.put(&POSITIONS, user, stakes, most, now).await?;
        Ok(put.map(|ids| ids.into_iter().map(PositionId).collect()))
    }

    /// Changes a position of this person as `change` says, and returns what it is now. Somebody else's is
    /// not there.
    pub async fn change_position<E>(
        &self,
        user: UserId,
        id: PositionId,
        change: impl FnOnce(Stake) -> Result<Stake, E>,
    ) -> Result<Option<Result<Position, E>>, StoreError> {
        let changed = self.changed(&POSITIONS, user, id.0, change).await?;
        Ok(changed.map(|changed| changed.map(|kept| position(user, kept))))
    }

    /// Removes a position of this person and returns it. Somebody else's is not there.
    pub async fn remove_position(
        &self,
        user: UserId,
        id: PositionId,
    ) -> Result<Option<Position>, StoreError> {
        let taken = self.taken(&POSITIONS, user, id.0).await?;
        if taken.is_some() {
            self.unsee(user, id).await?;
        }
        Ok(taken.map(|kept| position(user, kept)))
    }

    /// Forgets how a position stood that is gone.
    async fn unsee(&self, user: UserId, id: PositionId) -> Result<(), StoreError> {
        let forget = |look: &mut Look| look.lines.retain(|seen| seen.position != id);
        if let Some(mut looks) = self.looks(user).await? {
            forget(&mut looks.last);
            looks.before.iter_mut().for_each(forget);
            self.note_looks(user, &looks).await?;
        }
        if let Some(mut review) = self.last_review(user).await? {
            forget(&mut review);
            self.note_review(user, &review).await?;
        }
        Ok(())
    }

    /// The person's ledger, in the order in which it was told.
    pub async fn entries(&self, user: UserId) -> Result<Vec<Logged>, StoreError> {
        let rows = self.drawn(&ENTRIES, user).await?;
        Ok(rows.into_iter().map(logged).collect())
    }

    /// Of the person's ledger the entries that were told last, the latest first.
    pub async fn entries_told_last(
        &self,
        user: UserId,
        most: u32,
    ) -> Result<Vec<Logged>, StoreError> {
        let rows = self.drawn_last(&ENTRIES, user, most).await?;
        Ok(rows.into_iter().map(logged).collect())
    }

    /// An entry of this person. Somebody else's is not there.
    pub async fn entry(
        &self,
        user: UserId,
        id: LedgerEntryId,
    ) -> Result<Option<Logged>, StoreError> {
        Ok(self.drawn_one(&ENTRIES, user, id.0).await?.map(logged))
    }

    /// Keeps entries, all of them or none: a person has `most` at most. They have to have agreed before.
    pub async fn add_entries(
        &self,
        user: UserId,
        entries: &[Entry],
        most: usize,
        now: Timestamp,
    ) -> Result<Result<Vec<LedgerEntryId>, Full>, StoreError> {
        let put = self.put(&ENTRIES, user, entries, most, now).await?;
        Ok(put.map(|ids| ids.into_iter().map(LedgerEntryId).collect()))
    }

    /// Changes an entry of this person as `change` says, and returns what it is now. Somebody else's is not
    /// there.
    pub async fn change_entry<E>(
        &self,
        user: UserId,
        id: LedgerEntryId,
        change: impl FnOnce(Entry) -> Result<Entry, E>,
    ) -> Result<Option<Result<Logged, E>>, StoreError> {
        let changed = self.changed(&ENTRIES, user, id.0, change).await?;
        Ok(changed.map(|changed| changed.map(logged)))
    }

    /// Removes an entry of this person and returns it. Somebody else's is not there.
    pub async fn remove_entry(
        &self,
        user: UserId,
        id: LedgerEntryId,
    ) -> Result<Option<Logged>, StoreError> {
        let taken = self.taken(&ENTRIES, user, id.0).await?;
        Ok(taken.map(logged))
    }

    /// The person's goals, oldest first.
    pub async fn goals(&self, user: UserId) -> Result<Vec<KeptGoal>, StoreError> {
        let rows = self.drawn(&GOALS, user).await?;
        Ok(rows.iter().map(kept_goal).collect())
    }

    /// Keeps a goal: a person has `most` at most. They have to have agreed before.
    pub async fn add_goal(
        &self,
        user: UserId,
        goal: &Goal,
        most: usize,
        now: Timestamp,
    ) -> Result<Result<GoalId, Full>, StoreError> {
        let put = self.put(&GOALS, user, std::slice::from_ref(goal), most, now);
        let put = put.await?;
        Ok(put.and_then(|ids| ids.first().copied().map(GoalId).ok_or(Full)))
    }

    /// Removes a goal of this person and returns it. Somebody else's is not there.
    pub async fn remove_goal(
        &self,
        user: UserId,
        id: GoalId,
    ) -> Result<Option<KeptGoal>, StoreError> {
        Ok(self
            .taken(&GOALS, user, id.0)
            .await?
            .as_ref()
            .map(kept_goal))
    }

    /// What the person has chosen; what is usual where they have not.
    pub async fn chosen(&self, user: UserId) -> Result<Chosen, StoreError> {
        Ok(self.page(user, Subject::Chosen).await?.unwrap_or_default())
    }

    /// Keeps what the person has chosen. They have to have agreed before.
    pub async fn choose(&self, user: UserId, chosen: &Chosen) -> Result<(), StoreError> {
        self.write_page(user, Subject::Chosen, chosen).await
    }

    /// How things stood when the person last looked at their portfolio.
    pub async fn looks(&self, user: UserId) -> Result<Option<Looks>, StoreError> {
        self.page(user, Subject::Look).await
    }

    pub async fn note_looks(&self, user: UserId, looks: &Looks) -> Result<(), StoreError> {
        self.write_page(user, Subject::Look, looks).await
    }

    /// How things stood when the person last marked a review as done.
    pub async fn last_review(&self, user: UserId) -> Result<Option<Look>, StoreError> {
        self.page(user, Subject::Review).await
    }

    pub async fn note_review(&self, user: UserId, look: &Look) -> Result<(), StoreError> {
        self.write_page(user, Subject::Review, look).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        user: UserId,
        subject: Subject,
    ) -> Result<Option<T>, StoreError> {
        let Some(holder) = self.holder(&self.readers, user).await? else {
            return Ok(None);
        };
        let sealed: Option<Vec<u8>> = sqlx::query_scalar(READ_PAGE)
            .bind(holder.blind)
            .bind(subject.slug())
            .fetch_optional(&self.readers)
            .await?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let plain = holder.key.open(&subject.place(user), &sealed)?;
        let page = serde_json::from_slice(&plain).map_err(|_| bad("sealed"))?;
        Ok(Some(page))
    }

    async fn write_page<T: Serialize>(
        &self,
        user: UserId,
        subject: Subject,
        page: &T,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO personal (owner, subject, sealed) VALUES ($1, $2, $3) \
             ON CONFLICT (owner, subject) DO UPDATE SET sealed = excluded.sealed";
        let plain = serde_json::to_vec(page).map_err(|_| bad("sealed"))?;
        let mut tx = self.begin().await?;
        let holder = self.holder(&mut *tx, user).await?.ok_or(bad("owner"))?;
        sqlx::query(SQL)
            .bind(holder.blind)
            .bind(subject.slug())
            .bind(holder.key.seal(&subject.place(user), &plain))
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// All that is kept of the person; `None` when nothing is.
    pub async fn person(&self, user: UserId) -> Result<Option<Person>, StoreError> {
        const SQL: &str = "SELECT agreed_at, used_at, warned_at FROM person WHERE blind = $1";
        let times: Option<(i64, i64, Option<i64>)> = sqlx::query_as(SQL)
            .bind(self.keyring.blind(user))
            .fetch_optional(&self.readers)
            .await?;
        let Some((agreed_at, used_at, warned_at)) = times else {
            return Ok(None);
        };
        Ok(Some(Person {
            agreed_at: columns::time(agreed_at),
            used_at: columns::time(used_at),
            warned_at: warned_at.map(columns::time),
            chosen: self.chosen(user).await?,
            positions: self.positions(user).await?,
            entries: self.entries(user).await?,
            goals: self.goals(user).await?,
            watches: self.watches(user).await?,
            looks: self.looks(user).await?,
            review: self.last_review(user).await?,
        }))
    }

    /// What the person was and is to be written, oldest first.
    pub async fn letters_to(&self, user: UserId) -> Result<Vec<Letter>, StoreError> {
        const SQL: &str = "SELECT n.dedup_key, n.summary, n.created_at, n.delivered_at, n.state, o.watch_id \
             FROM notice n JOIN outbox o ON o.id = n.id WHERE n.person = $1 ORDER BY n.id";
        let Some(holder) = self.holder(&self.readers, user).await? else {
            return Ok(Vec::new());
        };
        let rows: Vec<LetterRow> = sqlx::query_as(SQL)
            .bind(holder.blind)
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(key, summary, written_at, delivered_at, state, watch)| {
                let summary = Some(summary).filter(|words| !words.is_empty());
                let veil = Veil::over(Some(&holder), "outbox", &key);
                Ok(Letter {
                    written_at: columns::time(written_at),
                    delivered_at: delivered_at.map(columns::time),
                    state: State::parse(&state).ok_or(bad("state"))?,
                    watch: watch.map(WatchId),
                    words: summary.map(|words| veil.lifted(words)).transpose()?,
                })
            })
            .collect()
    }

    /// Erases the person, with the key of what was theirs, and returns how many positions went with them. What
    /// the log still holds of it is cut off, so that the files hold nothing of them any more; where another
    /// program reads the database, that happens once it lets go.
    pub async fn erase_person(&self, user: UserId) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let positions = forget_person(&mut tx, self.keyring.blind(user), user).await?;
        self.commit_erasure(tx).await?;
        self.scrub().await?;
        Ok(positions)
    }
}

/// Deletes all rows of a person, whom their rows name `blind`; answers with how many positions went.
pub(in crate::store) async fn forget_person(
    connection: &mut SqliteConnection,
    blind: i64,
    user: UserId,
) -> Result<u64, StoreError> {
    const PERSONAL: &str = "DELETE FROM personal WHERE owner = $1";
    const PERSON: &str = "DELETE FROM person WHERE blind = $1";
    // Alerts belong to their server and stay there, without a name.
    const ALERTS: &str = "UPDATE alert SET created_by = 0 WHERE created_by = $1";
    const DEEDS: &str = "UPDATE audit SET person = 0 WHERE person = $1";
    let positions = emptied(connection, &POSITIONS, blind).await?;
    for drawer in [&ENTRIES, &GOALS, &WATCHES] {
        emptied(connection, drawer, blind).await?;
    }
    Store::forget_direct(connection, blind).await?;
    for statement in [PERSONAL, PERSON] {
        sqlx::query(statement)
            .bind(blind)
            .execute(&mut *connection)
            .await?;
    }
    for statement in [ALERTS, DEEDS] {
        sqlx::query(statement)
            .bind(columns::snowflake(user.0))
            .execute(&mut *connection)
            .await?;
    }
    Ok(positions)
}

/// Seals all that is a person's with another key, inside a transaction; `blind` is what their rows name
/// them by.
pub(in crate::store) async fn reseal(
    connection: &mut SqliteConnection,
    blind: i64,
    user: UserId,
    change: &Change<'_>,
) -> Result<(), StoreError> {
    const PAGE: &str = "UPDATE personal SET sealed = $3 WHERE owner = $1 AND subject = $2";
    for drawer in [&POSITIONS, &ENTRIES, &GOALS, &WATCHES] {
        drawer.reseal(connection, blind, user, change).await?;
    }
    for subject in [Subject::Chosen, Subject::Look, Subject::Review] {
        let page: Option<Vec<u8>> = sqlx::query_scalar(READ_PAGE)
            .bind(blind)
            .bind(subject.slug())
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(page) = page {
            sqlx::query(PAGE)
                .bind(blind)
                .bind(subject.slug())
                .bind(change.made(&subject.place(user), &page)?)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

const READ_PAGE: &str = "SELECT sealed FROM personal WHERE owner = $1 AND subject = $2";

#[cfg(test)]
mod tests;
