//! The cases that have a name.

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::quietly;
use stm::collections::{TArray, TDeque, TMap, TOrdMap, TSet, TTable};
use stm::sync::TMVar;
use stm::{TVar, atomically, snapshot};

#[test]
fn an_update_whose_closure_removes_the_key_leaves_it_with_its_new_value() {
    let (map, sorted) = (TMap::from([(1, "a"), (2, "b")]), TOrdMap::from([(1, "a"), (2, "b")]));
    atomically(|tx| {
        assert_eq!(map.update(tx, &1, |value| (map.remove(tx, &1).unwrap(), *value = "new"))?, Some((Some("a"), ())));
        assert_eq!(sorted.update(tx, &1, |value| (sorted.clear(tx).unwrap(), *value = "new"))?, Some(((), ())));
        Ok(())
    });
    assert_eq!(snapshot(|tx| Ok((map.get(tx, &1)?, map.len(tx)?))), (Some("new"), 2));
    assert_eq!(sorted.snapshot().into_iter().collect::<Vec<_>>(), [(1, "new")]);
}

/// The key goes along with the node, but the map that was asked has the value.
#[test]
fn an_update_whose_closure_moves_the_key_to_another_map_puts_it_back() {
    let map = TOrdMap::from([(1, 10), (2, 20)]);
    let other = atomically(|tx| {
        let mut other = None;
        map.update(tx, &2, |value| {
            other = Some(map.split_off(tx, &2).unwrap());
            *value = 21;
        })?;
        Ok(other.unwrap())
    });
    assert_eq!((map.snapshot()[&2], other.snapshot()[&2]), (21, 20));
    atomically(|tx| {
        let moved = map.update(tx, &1, |value| {
            let behind = map.split_off(tx, &1).unwrap();
            map.append(tx, &behind).unwrap();
            *value = 11;
        });
        moved.map(drop)
    });
    assert_eq!(map.snapshot().into_iter().collect::<Vec<_>>(), [(1, 11), (2, 21)]);
}

#[test]
fn an_operation_within_itself_is_done_before_it() {
    let map: TMap<&str, u32> = TMap::from([("n", 1)]);
    let sorted: TOrdMap<&str, u32> = TOrdMap::from([("n", 1)]);
    atomically(|tx| {
        map.update(tx, "n", |n| {
            assert_eq!(map.update(tx, "n", |inner| *inner += 10).unwrap(), Some(()));
            assert_eq!(map.get(tx, "n").unwrap(), Some(11));
            *n += 1;
        })?;
        sorted.alter(tx, "n", |n| {
            sorted.alter(tx, "n", |_| None).unwrap();
            n
        })?;
        // Nothing is there, and `None` is returned: nothing is there, whatever was added.
        map.alter(tx, "x", |none| {
            assert!(none.is_none());
            map.insert(tx, "x", 7).unwrap();
            None
        })?;
        sorted.alter(tx, "x", |none| {
            sorted.insert(tx, "x", 7).unwrap();
            none
        })?;
        let made = map.get_or_insert_with(tx, "y", || map.get_or_insert_with(tx, "y", || 1).unwrap() + 1)?;
        assert_eq!((made, map.get(tx, "y")?), (2, Some(2)));
        let made = sorted.get_or_insert_with(tx, "y", || sorted.get_or_insert_with(tx, "y", || 1).unwrap() + 1)?;
        assert_eq!((made, sorted.get(tx, "y")?), (2, Some(2)));
        Ok(())
    });
    assert_eq!(snapshot(|tx| Ok((map.get(tx, "n")?, map.len(tx)?))), (Some(2), 2));
    assert_eq!(sorted.snapshot().into_iter().collect::<Vec<_>>(), [("n", 1), ("y", 2)]);
}

#[test]
fn a_row_that_moves_in_its_own_update_is_one_row_again() {
    let mut builder = TTable::builder(|row: &(u8, u8)| row.0);
    let by_name = builder.unique("name", |row| row.1);
    let table = builder.build();
    atomically(|tx| {
        table.insert(tx, (1, 1))?.unwrap();
        // The inner one gives it another primary key and another name, the outer one takes it as it was.
        let outer = table.update(tx, &1, |row| {
            table.update(tx, &1, |row| *row = (2, 2)).unwrap().unwrap();
            row.1 = 3;
        })?;
        assert_eq!(outer, Ok(Some(())));
        assert_eq!(table.range(tx, ..)?, [(1, 3), (2, 2)]);
        // A row that took the name meanwhile: refused, and what the closure did stays.
        let refused = table.update(tx, &1, |row| {
            table.remove(tx, &1).unwrap();
            row.1 = 2;
        })?;
        assert_eq!(refused.map_err(|refused| (refused.index, refused.row)), Err(("name", (1, 2))));
        assert_eq!(table.range(tx, ..)?, [(2, 2)]);
        assert_eq!((by_name.primary(tx, &2)?, by_name.primary(tx, &3)?), (Some(2), None));
        Ok(())
    });
}

#[test]
fn retain_shows_each_entry_once_whatever_is_removed_meanwhile() {
    let all = || (0..200_u32).map(|n| (n, n));
    let (map, sorted): (TMap<_, _>, TOrdMap<_, _>) = (all().collect(), all().collect());
    let set: TSet<u32> = (0..200).collect();
    let mut seen = [0; 3];
    atomically(|tx| {
        seen = [0; 3];
        map.retain(tx, |key, _| {
            seen[0] += 1;
            map.clear(tx).unwrap();
            map.insert(tx, *key, 0).unwrap();
            key % 2 == 0
        })?;
        sorted.retain(tx, |key, _| {
            seen[1] += 1;
            sorted.remove(tx, key).unwrap();
            sorted.insert(tx, key + 1000, 0).unwrap();
            false
        })?;
        set.retain(tx, |key| {
            seen[2] += 1;
            set.insert(tx, key + 1000).unwrap();
            *key == 7
        })
    });
    assert_eq!(seen, [200; 3]);
    // The last one that was put in, if it was not refused.
    assert!(map.snapshot().iter().all(|(key, _)| key % 2 == 0) && map.snapshot().len() <= 1);
    assert_eq!(sorted.snapshot().into_keys().collect::<Vec<_>>(), (1000..1200).collect::<Vec<_>>());
    assert_eq!((set.snapshot().len(), set.snapshot().contains(&7)), (201, true));
}

#[test]
fn variables_slots_and_elements_go_by_the_same_rule() {
    let (variable, slot, array) = (TVar::new(1), TMVar::new(1), TArray::new(2, 1));
    atomically(|tx| {
        variable.update(tx, |n| {
            variable.write(tx, 50).unwrap();
            *n += 1;
        })?;
        slot.update(tx, |n| {
            assert_eq!(slot.take(tx).unwrap(), 1);
            *n += 1;
        })?;
        array.update(tx, 0, |n| {
            array.fill(tx, 50).unwrap();
            *n += 1;
        })?;
        array.modify(tx, 1, |n| {
            array.write(tx, 1, 0).unwrap();
            n + 1
        })
    });
    assert_eq!((variable.load(), atomically(|tx| slot.take(tx)), array.load(0), array.load(1)), (2, 2, 2, 51));
}

/// Which items it is shown is not said; that nothing breaks is.
#[test]
fn a_deque_may_be_changed_by_what_goes_through_it() {
    for change in 0..4 {
        let deque = TDeque::from_iter(0..300);
        atomically(|tx| {
            let mut rest = 200;
            deque.for_each(tx, |_| {
                rest -= 1;
                if rest < 0 {
                    return;
                }
                match change {
                    0 => drop(deque.pop_front(tx).unwrap()),
                    1 => drop(deque.pop_back(tx).unwrap()),
                    2 => deque.push_back(tx, 7).unwrap(),
                    _ => deque.clear(tx).unwrap(),
                }
            })
        });
        let left = deque.into_iter().count();
        assert!(if change == 2 { left == 500 } else { left < 300 }, "{change}: {left}");
    }
}

#[test]
fn a_closure_that_panics_leaves_what_it_has_done_and_no_more() {
    let (map, sorted) = (TMap::from([(1, 1), (2, 2)]), TOrdMap::from([(1, 1), (2, 2)]));
    let caught = quietly(|| {
        atomically(|tx| {
            let panicked = |body: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(body)).is_err());
            panicked(&mut || {
                drop(map.update(tx, &1, |value| {
                    map.remove(tx, &2).unwrap();
                    *value = 7;
                    panic!("no");
                }));
            });
            panicked(&mut || {
                drop(sorted.update(tx, &1, |value| {
                    sorted.clear(tx).unwrap();
                    *value = 7;
                    panic!("no");
                }));
            });
            Ok((map.len(tx)?, map.get(tx, &1)?, sorted.len(tx)?))
        })
    });
    assert_eq!(caught.unwrap(), (1, Some(1), 0));
    assert_eq!((map.snapshot().len(), sorted.snapshot().len()), (1, 0));
}
