//! The end of a broadcast channel, at which senders look before they read. Edge E17.

use loom::thread;

use super::{Outcomes, explore_placed, make_statics};
use crate::atomically;
use crate::channel::TBroadcast;

/// E17: a look at the last place finds what another has sent since, which is not to say that the channel is closed.
#[test]
fn of_two_who_send_at_once_both_do() {
    let outcomes = Outcomes::new();
    let seen = outcomes.clone();
    explore_placed(2, move || {
        make_statics();
        let channel = TBroadcast::new();
        let reader = channel.subscriber();
        let other = {
            let channel = channel.clone();
            thread::spawn(move || channel.try_publish(1_u64))
        };
        let mine = channel.try_publish(2);
        assert_eq!((mine, other.join().unwrap()), (Ok(()), Ok(())), "taken for closed");
        seen.record([(); 2].map(|()| atomically(|tx| reader.try_recv(tx))));
    });
    outcomes.assert_exactly([[Some(1), Some(2)], [Some(2), Some(1)]]);
}
