//! What people told us of themselves. Every look-up carries the owner; what they hold is sealed.

use super::{
    Store, StoreError,
    columns::{self, bad},
    sealed::Place,
};
use crate::domain::{
    ids::{PositionId, UserId},
    position::{Position, Stake},
    time::Timestamp,
};

/// All that is kept of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub agreed_at: Timestamp,
    pub positions: Vec<Position>,
}

const fn place(owner: UserId, row: i64) -> Place {
    Place {
        table: "position",
        column: "sealed",
        row,
        owner: owner.0,
    }
}

impl Store {
    /// Whether the person has read what is kept and agreed.
    pub async fn agreed(&self, user: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM person WHERE user_id = $1)";
        Ok(sqlx::query_scalar(SQL)
            .bind(columns::snowflake(user.0))
            .fetch_one(&self.readers)
            .await?)
    }

    pub async fn agree(&self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO person (user_id, agreed_at) VALUES ($1, $2) \
             ON CONFLICT (user_id) DO NOTHING";
        sqlx::query(SQL)
            .bind(columns::snowflake(user.0))
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The person's positions, oldest first.
    pub async fn positions(&self, user: UserId) -> Result<Vec<Position>, StoreError> {
        const SQL: &str =
            "SELECT id, sealed, added_at FROM position WHERE user_id = $1 ORDER BY id";
        let rows: Vec<(i64, Vec<u8>, i64)> = sqlx::query_as(SQL)
            .bind(columns::snowflake(user.0))
            .fetch_all(&self.readers)
            .await?;
        rows.into_iter()
            .map(|(id, sealed, added_at)| {
                let stake = self.sealer.open(&place(user, id), &sealed)?;
                Ok(Position {
                    id: PositionId(id),
                    owner: user,
                    stake: serde_json::from_slice(&stake).map_err(|_| bad("sealed"))?,
                    added_at: columns::time(added_at),
                })
            })
            .collect()
    }

    /// Keeps a position. The person has to have agreed before.
    pub async fn add_position(
        &self,
        user: UserId,
        stake: &Stake,
        now: Timestamp,
    ) -> Result<PositionId, StoreError> {
        const ADD: &str = "INSERT INTO position (user_id, sealed, added_at) VALUES ($1, $3, $2) \
             RETURNING id";
        const SEAL: &str = "UPDATE position SET sealed = $2 WHERE id = $1";
        let plain = serde_json::to_vec(stake).map_err(|_| bad("sealed"))?;
        let mut tx = self.begin().await?;
        let id: i64 = sqlx::query_scalar(ADD)
            .bind(columns::snowflake(user.0))
            .bind(now.millis())
            .bind(Vec::<u8>::new())
            .fetch_one(&mut *tx)
            .await?;
        // The row's number is part of what the seal is bound to, so it has to be known first.
        sqlx::query(SEAL)
            .bind(id)
            .bind(self.sealer.seal(&place(user, id), &plain))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(PositionId(id))
    }

    /// Removes a position of this person and returns it. Somebody else's is not there.
    pub async fn remove_position(
        &self,
        user: UserId,
        id: PositionId,
    ) -> Result<Option<Position>, StoreError> {
        const SQL: &str = "DELETE FROM position WHERE user_id = $1 AND id = $2";
        let found = self
            .positions(user)
            .await?
            .into_iter()
            .find(|position| position.id == id);
        if found.is_some() {
            sqlx::query(SQL)
                .bind(columns::snowflake(user.0))
                .bind(id.0)
                .execute(&self.writer)
                .await?;
        }
        Ok(found)
    }

    /// All that is kept of the person; `None` when nothing is.
    pub async fn person(&self, user: UserId) -> Result<Option<Person>, StoreError> {
        const SQL: &str = "SELECT agreed_at FROM person WHERE user_id = $1";
        let agreed_at: Option<i64> = sqlx::query_scalar(SQL)
            .bind(columns::snowflake(user.0))
            .fetch_optional(&self.readers)
            .await?;
        let Some(agreed_at) = agreed_at else {
            return Ok(None);
        };
        Ok(Some(Person {
            agreed_at: columns::time(agreed_at),
            positions: self.positions(user).await?,
        }))
    }

    /// Erases the person and returns how many positions went with them.
    pub async fn erase_person(&self, user: UserId) -> Result<u64, StoreError> {
        const POSITIONS: &str = "DELETE FROM position WHERE user_id = $1";
        const PERSON: &str = "DELETE FROM person WHERE user_id = $1";
        // Alerts belong to their server and stay there, without a name.
        const ALERTS: &str = "UPDATE alert SET created_by = 0 WHERE created_by = $1";
        const DEEDS: &str = "UPDATE audit SET person = 0 WHERE person = $1";
        let mut tx = self.begin().await?;
        let user = columns::snowflake(user.0);
        let positions = sqlx::query(POSITIONS).bind(user).execute(&mut *tx).await?;
        sqlx::query(PERSON).bind(user).execute(&mut *tx).await?;
        sqlx::query(ALERTS).bind(user).execute(&mut *tx).await?;
        sqlx::query(DEEDS).bind(user).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(positions.rows_affected())
    }
}

#[cfg(test)]
mod tests;
