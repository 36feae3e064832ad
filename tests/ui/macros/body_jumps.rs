//! `break` and `continue` do not leave a body. Inside one they are what they always are.

use stm::{TVar, atomically};

fn main() {
    let a = TVar::new(1);
    'outer: loop {
        if a.load() > 6 {
            break 'outer;
        }
        atomically!(|tx| {
            if a.read(tx) > 5 {
                break;
            }
            if a.read(tx) > 4 {
                continue;
            }
            loop {
                if a.read(tx) > 3 {
                    break 'outer;
                }
                if a.read(tx) > 2 {
                    continue 'outer;
                }
                break;
            }
            'inner: for n in 0..3 {
                while n > 1 {
                    break 'inner;
                }
                continue;
            }
            'block: {
                break 'block;
            }
        });
    }
}
