//! How many blocks there are, and how long the table is.

use super::*;

/// The length of the table, and how many blocks are in it.
fn blocks<T: Send + Sync>(deque: &TDeque<T>) -> (usize, usize) {
    let table = deque.inner.table.load().expect("never empty");
    (table.blocks.len(), table.blocks.iter().filter(|link| link.load().is_some()).count())
}

#[test]
fn a_queue_that_stays_short_keeps_few_blocks() {
    let deque = TDeque::new();
    for n in 0..20 * BLOCK {
        atomically(|tx| deque.push_back(tx, n));
        assert!(n < 9 || atomically(|tx| deque.pop_front(tx)) == Some(n - 9));
        let (room, there) = blocks(&deque);
        assert!(room == ROOM && there <= 3, "those with items, and one that is left over: {there}");
    }
    // The other way round, from where it is.
    for n in 0..20 * BLOCK {
        atomically(|tx| deque.push_front(tx, n));
        assert!(atomically(|tx| deque.pop_back(tx)).is_some());
        let (room, there) = blocks(&deque);
        assert!(room == ROOM && there <= 4, "one may be left over at each end: {there}");
    }
}

#[test]
fn a_block_that_is_left_over_makes_room() {
    let deque = TDeque::from_iter(0..4 * BLOCK);
    assert_eq!(blocks(&deque), (ROOM, 4));
    // One item less than four blocks, of which the first is at the end of its block, and one block left over.
    for _ in 0..4 * BLOCK - 1 {
        atomically(|tx| deque.pop_front(tx));
    }
    assert_eq!(blocks(&deque), (ROOM, 2));
    atomically(|tx| deque.extend_back(tx, 0..3 * BLOCK));
    assert_eq!(blocks(&deque), (ROOM, 4), "the one left over was in the way");
    atomically(|tx| deque.push_back(tx, 7));
    assert_eq!(blocks(&deque), (2 * ROOM, 5));
    atomically(|tx| deque.clear(tx));
    assert_eq!(blocks(&deque), (ROOM, 0));
}

#[test]
fn an_item_that_comes_and_goes_at_the_edge_of_a_block_makes_no_blocks() {
    let deque = TDeque::from_iter(0..BLOCK);
    atomically(|tx| deque.push_back(tx, 0));
    let place = |deque: &TDeque<u64>| deque.inner.table.load().expect("never empty").link(MIDDLE / BLOCK + 1).load();
    let block = place(&deque).expect("the last item's");
    for _ in 0..3 {
        assert!(atomically(|tx| deque.pop_back(tx)).is_some());
        atomically(|tx| deque.push_back(tx, 0));
        assert!(Shared::ptr_eq(&block, &place(&deque).expect("the last item's")));
    }
}
