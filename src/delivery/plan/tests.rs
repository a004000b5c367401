use proptest::prelude::*;

use super::*;
use crate::{
    delivery::post::{Carrier, Post},
    domain::ids::{GuildId, MessageId, PostId},
};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const URGENCY: Urgency = Urgency::Normal;
const LATER: Timestamp = Timestamp::from_millis(2_000_000);

fn kept(id: i64, destination: i64, state: State, due_at: Timestamp) -> Kept {
    Kept {
        id: PostId(id),
        destination: DestinationId(destination),
        post: Post {
            state,
            due_at: Some(due_at),
            floor: Some(MessageId(1)),
            ..Post::new(Carrier::Bot, NOW, LATER)
        },
    }
}

fn untold(destination: i64, urgency: Urgency) -> Untold {
    Untold {
        destination: DestinationId(destination),
        urgency,
        is_awaited: false,
    }
}

fn planned(open: Vec<Kept>, untold: &[Untold], busy: &[i64], served: &[i64]) -> Plan {
    let busy = busy.iter().map(|id| DestinationId(*id)).collect();
    let queue = Queue {
        open,
        edits: &[],
        untold,
        gathering: &HashMap::new(),
        homes: &|_| None,
    };
    let mut turns = Turns::default();
    for place in served {
        turns.serve(DestinationId(*place), None);
    }
    plan(queue, &busy, &turns, NOW, &Waits::default())
}

fn order(plan: &Plan) -> Vec<i64> {
    plan.jobs
        .iter()
        .map(|(destination, ..)| destination.0)
        .collect()
}

#[test]
fn destinations_take_turns_and_the_urgent_come_first() {
    use Urgency::{Critical, Digest, Normal};
    let waiting = [
        untold(1, Normal),
        untold(2, Digest),
        untold(3, Normal),
        untold(4, Critical),
        untold(5, Normal),
    ];
    assert_eq!(
        order(&planned(Vec::new(), &waiting, &[], &[])),
        [4, 1, 3, 5, 2]
    );
    assert_eq!(
        order(&planned(Vec::new(), &waiting, &[], &[1, 2, 3])),
        [4, 5, 1, 3, 2]
    );
    assert_eq!(
        order(&planned(Vec::new(), &waiting, &[4, 5], &[3, 1])),
        [3, 1, 2]
    );
}

/// What comes later in a channel waits for what is unclear before it.
#[test]
fn a_line_waits_for_its_head() {
    let waiting = [untold(1, Urgency::Normal)];
    let rests = kept(7, 1, State::Waiting, LATER);
    let plan = planned(vec![rests], &waiting, &[], &[]);
    assert_eq!((plan.jobs.len(), plan.next), (0, Some(LATER)));
    let unclear = kept(7, 1, State::Uncertain, NOW);
    let behind = kept(8, 1, State::Pending, NOW);
    let plan = planned(vec![unclear.clone(), behind], &waiting, &[], &[]);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Look(unclear))]);
}

#[test]
fn a_second_look_holds_up_nothing() {
    let waiting = [untold(1, Urgency::Normal)];
    let sweep = kept(7, 1, State::Delivered, LATER);
    let plan = planned(vec![sweep], &waiting, &[], &[]);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Compose)]);
    let due = kept(7, 1, State::Delivered, NOW);
    let plan = planned(vec![due.clone()], &waiting, &[], &[]);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Look(due))]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// F-L04: however many channels a server has, and whatever there is room for, servers that always have
    /// something to tell are served alike.
    #[test]
    fn no_server_keeps_another_waiting(
        sizes in proptest::collection::vec(1_i64..60, 2..8),
        room in 1_usize..12,
    ) {
        let mut home_of = HashMap::new();
        for (guild, size) in sizes.iter().enumerate() {
            for _ in 0..*size {
                let place = DestinationId(i64::try_from(home_of.len()).unwrap() + 1);
                home_of.insert(place, guild);
            }
        }
        let waiting: Vec<Untold> = home_of.keys().map(|place| untold(place.0, URGENCY)).collect();
        let mut served = vec![0_i64; sizes.len()];
        let mut turns = Turns::default();
        let mut of_place: HashMap<DestinationId, i64> = HashMap::new();
        let home = |place| home_of.get(&place).map(|guild: &usize| Home::Server(GuildId(*guild as u64)));
        let rounds = 20 * sizes.len();
        for _ in 0..rounds {
            let queue = Queue {
                open: Vec::new(),
                edits: &[],
                untold: &waiting,
                gathering: &HashMap::new(),
                homes: &home,
            };
            let plan = plan(queue, &HashSet::new(), &turns, NOW, &Waits::default());
            for (place, ..) in plan.jobs.iter().take(room) {
                served[home_of[place]] += 1;
                *of_place.entry(*place).or_default() += 1;
                turns.serve(*place, home(*place));
            }
        }
        // Nobody is served less than an equal part, but by as much as one round can be short, or all that one
        // has was done in each.
        let rounds = i64::try_from(rounds).unwrap();
        let part = rounds * i64::try_from(room).unwrap() / i64::try_from(sizes.len()).unwrap();
        for (guild, count) in served.iter().enumerate() {
            let all = rounds * sizes[guild];
            prop_assert!(*count >= part.min(all) - 1, "{served:?} of {sizes:?}, {room}");
        }
        // And so for the channels of one server.
        for guild in 0..sizes.len() {
            let counts = home_of.iter().filter(|(_, home)| **home == guild);
            let counts: Vec<i64> = counts.map(|(place, _)| of_place.get(place).copied().unwrap_or(0)).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{counts:?}");
        }
    }
}
