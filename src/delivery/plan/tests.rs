use super::*;
use crate::{
    delivery::post::{Carrier, Post},
    domain::ids::{MessageId, PostId},
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

fn planned(open: Vec<Kept>, untold: &[Untold], busy: &[i64], cursor: i64) -> Plan {
    let busy = busy.iter().map(|id| DestinationId(*id)).collect();
    let queue = Queue {
        open,
        edits: &[],
        untold,
        gathering: &HashMap::new(),
    };
    plan(queue, &busy, DestinationId(cursor), NOW, &Waits::default())
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
        order(&planned(Vec::new(), &waiting, &[], 0)),
        [4, 1, 3, 5, 2]
    );
    assert_eq!(
        order(&planned(Vec::new(), &waiting, &[], 3)),
        [4, 5, 1, 3, 2]
    );
    assert_eq!(order(&planned(Vec::new(), &waiting, &[4, 5], 3)), [1, 3, 2]);
}

/// What comes later in a channel waits for what is unclear before it.
#[test]
fn a_line_waits_for_its_head() {
    let waiting = [untold(1, Urgency::Normal)];
    let rests = kept(7, 1, State::Waiting, LATER);
    let plan = planned(vec![rests], &waiting, &[], 0);
    assert_eq!((plan.jobs.len(), plan.next), (0, Some(LATER)));
    let unclear = kept(7, 1, State::Uncertain, NOW);
    let behind = kept(8, 1, State::Pending, NOW);
    let plan = planned(vec![unclear.clone(), behind], &waiting, &[], 0);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Look(unclear))]);
}

#[test]
fn a_second_look_holds_up_nothing() {
    let waiting = [untold(1, Urgency::Normal)];
    let sweep = kept(7, 1, State::Delivered, LATER);
    let plan = planned(vec![sweep], &waiting, &[], 0);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Compose)]);
    let due = kept(7, 1, State::Delivered, NOW);
    let plan = planned(vec![due.clone()], &waiting, &[], 0);
    assert_eq!(plan.jobs, [(DestinationId(1), URGENCY, Job::Look(due))]);
}
