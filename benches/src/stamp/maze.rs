//! Routing on a board of cells: what labyrinth and the Lee board have in common.
//!
//! Each net, taken from a queue by a transaction, is planned on a private copy of the board, which nobody keeps from
//! changing meanwhile: waves go out from one end until they reach the other (Lee, 1961), and a shortest path is traced
//! back. A transaction then finds every cell of the path free and takes it, or the net is planned again.

use super::crew::{self, Worker};
use super::outcome::{Outcome, Verdict, ensure};
use super::systems::{Queue, System};

/// Nobody's cell.
const FREE: u64 = 0;
/// The end of a net that has no path yet.
const PIN: u64 = u64::MAX;

/// The board's size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) depth: usize,
}

/// A cell's coordinates.
pub(crate) type Place = [usize; 3];

impl Shape {
    pub(crate) fn cells(self) -> usize {
        self.width * self.height * self.depth
    }

    pub(crate) fn index(self, [x, y, z]: Place) -> usize {
        (z * self.height + y) * self.width + x
    }

    pub(crate) fn place(self, index: usize) -> Place {
        [index % self.width, index / self.width % self.height, index / self.width / self.height]
    }
}

/// Two cells that are to be connected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Net {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

/// How far two cells are from each other.
pub(crate) fn distance(one: Place, other: Place) -> usize {
    one.iter().zip(other).map(|(one, other)| one.abs_diff(other)).sum()
}

/// A board and what is to be connected on it, in this order.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) shape: Shape,
    pub(crate) nets: Vec<Net>,
    /// A plan looks first at what is no farther away than this from the rectangle between the ends.
    pub(crate) margin: usize,
}

/// A part of the board, through all its layers: corners of which the second does not belong to it.
#[derive(Clone, Copy)]
struct Window {
    low: [usize; 2],
    high: [usize; 2],
}

impl Window {
    fn all(shape: Shape) -> Self {
        Self { low: [0, 0], high: [shape.width, shape.height] }
    }

    fn around(net: Net, margin: usize, shape: Shape) -> Self {
        let low = [0, 1].map(|axis| net.from[axis].min(net.to[axis]).saturating_sub(margin));
        let high = [0, 1].map(|axis| net.from[axis].max(net.to[axis]).saturating_add(margin).saturating_add(1));
        Self { low, high: [high[0].min(shape.width), high[1].min(shape.height)] }
    }

    fn is_all(self, shape: Shape) -> bool {
        self.low == [0, 0] && self.high == [shape.width, shape.height]
    }

    fn shape(self, shape: Shape) -> Shape {
        let [width, height] = [0, 1].map(|axis| self.high[axis] - self.low[axis]);
        Shape { width, height, depth: shape.depth }
    }

    /// Coordinates on the board to coordinates in the window.
    fn inward(self, [x, y, z]: Place) -> Place {
        [x - self.low[0], y - self.low[1], z]
    }

    fn outward(self, [x, y, z]: Place) -> Place {
        [x + self.low[0], y + self.low[1], z]
    }
}

/// What the threads share.
struct Board<S: System> {
    shape: Shape,
    cells: Box<[S::Var<u64>]>,
    nets: S::Queue<usize>,
}

/// The cells of a net's path, from end to end.
type Path = Vec<usize>;

/// One thread's copy of a part of the board, and where the waves have been on it.
#[derive(Default)]
struct Planner {
    copy: Vec<u64>,
    waves: Vec<u32>,
    front: Vec<usize>,
    next: Vec<usize>,
}

const UNSEEN: u32 = u32::MAX;

impl Planner {
    /// Finds a shortest path in the window over cells that are free now.
    fn plan<S: System>(&mut self, system: &S, board: &Board<S>, net: Net, window: Window) -> Option<Path> {
        let shape = window.shape(board.shape);
        self.copy.resize(shape.cells(), FREE);
        for (row, values) in self.copy.chunks_mut(shape.width).enumerate() {
            let first = board.shape.index(window.outward([0, row % shape.height, row / shape.height]));
            system.copy(&board.cells[first..first + shape.width], values);
        }
        let (from, to) = (shape.index(window.inward(net.from)), shape.index(window.inward(net.to)));
        if !self.spread(shape, from, to) {
            return None;
        }
        let mut path = vec![to];
        let mut at = to;
        while at != from {
            let wave = self.waves[at] - 1;
            at = neighbours(shape, at).find(|&neighbour| self.waves[neighbour] == wave)?;
            path.push(at);
        }
        path.reverse();
        Some(path.into_iter().map(|cell| board.shape.index(window.outward(shape.place(cell)))).collect())
    }

    /// Sends waves from one cell until they reach the other; returns whether they do.
    fn spread(&mut self, shape: Shape, from: usize, to: usize) -> bool {
        self.waves.clear();
        self.waves.resize(shape.cells(), UNSEEN);
        self.waves[from] = 0;
        self.front.clear();
        self.front.push(from);
        let mut wave = 0;
        while !self.front.is_empty() {
            wave += 1;
            self.next.clear();
            for &cell in &self.front {
                for neighbour in neighbours(shape, cell) {
                    if neighbour == to {
                        self.waves[to] = wave;
                        return true;
                    }
                    if self.waves[neighbour] == UNSEEN && self.copy[neighbour] == FREE {
                        self.waves[neighbour] = wave;
                        self.next.push(neighbour);
                    }
                }
            }
            std::mem::swap(&mut self.front, &mut self.next);
        }
        false
    }
}

fn neighbours(shape: Shape, cell: usize) -> impl Iterator<Item = usize> {
    let [x, y, z] = shape.place(cell);
    let layer = shape.width * shape.height;
    let sides = [
        (x > 0).then(|| cell - 1),
        (x + 1 < shape.width).then(|| cell + 1),
        (y > 0).then(|| cell - shape.width),
        (y + 1 < shape.height).then(|| cell + shape.width),
        (z > 0).then(|| cell - layer),
        (z + 1 < shape.depth).then(|| cell + layer),
    ];
    sides.into_iter().flatten()
}

impl<S: System> Board<S> {
    fn new(layout: &Layout) -> Self {
        let mut cells = vec![FREE; layout.shape.cells()];
        for end in layout.nets.iter().flat_map(|net| [net.from, net.to]) {
            cells[layout.shape.index(end)] = PIN;
        }
        let nets = (0..layout.nets.len()).map(S::node).collect();
        Self {
            shape: layout.shape,
            cells: cells.into_iter().map(S::var).collect(),
            nets: S::Queue::new(nets, layout.nets.len()),
        }
    }

    /// Takes the cells of a path, if they are all free.
    fn lay<'tx>(&'tx self, tx: &S::Tx<'tx>, path: &[usize], number: u64) -> Result<bool, S::Abort> {
        for &cell in &path[1..path.len() - 1] {
            if S::read(tx, &self.cells[cell])? != FREE {
                return Ok(false);
            }
        }
        for &cell in path {
            S::write(tx, &self.cells[cell], number)?;
        }
        Ok(true)
    }
}

/// Finds a path for a net and takes its cells. `None` if there is no path any more.
fn connect<S: System>(
    worker: &Worker<'_, S>,
    board: &S::Node<Board<S>>,
    planner: &mut Planner,
    layout: &Layout,
    net: usize,
) -> Option<Path> {
    let mut window = Window::around(layout.nets[net], layout.margin, layout.shape);
    loop {
        let Some(path) = planner.plan(worker.system(), board, layout.nets[net], window) else {
            if window.is_all(layout.shape) {
                return None;
            }
            window = Window::all(layout.shape);
            continue;
        };
        if worker.atomically(board, |tx, board| board.lay(tx, &path, number(net))) {
            return Some(path);
        }
        worker.was_in_vain();
    }
}

/// What a net's cells hold.
fn number(net: usize) -> u64 {
    net as u64 + 1
}

/// Connects all nets of a layout.
pub(crate) fn route<S: System>(layout: &Layout, threads: usize) -> Outcome {
    let (system, board) = (S::new(), S::node(Board::<S>::new(layout)));
    let measured = crew::run(&system, threads, |worker| {
        let (mut planner, mut done) = (Planner::default(), Vec::new());
        while let Some(net) = worker.atomically(&board, |tx, board| board.nets.pop(tx)) {
            done.push((*net, connect(worker, &board, &mut planner, layout, *net)));
        }
        done
    });
    measured.outcome(check(&system, &board, layout, measured.results.iter().flatten()))
}

/// Checks that every net has a path that is its own, or can not have one.
fn check<'a, S: System>(
    system: &S,
    board: &Board<S>,
    layout: &Layout,
    done: impl Iterator<Item = &'a (usize, Option<Path>)>,
) -> Verdict {
    let shape = layout.shape;
    let mut cells = vec![FREE; shape.cells()];
    system.copy(&board.cells, &mut cells);
    let taken = cells.iter().filter(|&&cell| cell != FREE).count();
    let mut seen = vec![false; layout.nets.len()];
    let mut expected = 0;
    let mut planner = Planner::default();
    for (net, path) in done {
        let wrong = |what: &str| format!("net {net}: {what}");
        let ends = [layout.nets[*net].from, layout.nets[*net].to];
        ensure(!std::mem::replace(&mut seen[*net], true), || wrong("done twice"))?;
        let Some(path) = path else {
            let plan = planner.plan(system, board, layout.nets[*net], Window::all(shape));
            ensure(plan.is_none(), || wrong("given up, though there is a path"))?;
            expected += 2;
            continue;
        };
        let joined = path.windows(2).all(|step| distance(shape.place(step[0]), shape.place(step[1])) == 1);
        let complete =
            [path.first(), path.last()] == ends.map(|end| Some(shape.index(end))).each_ref().map(Option::as_ref);
        ensure(joined && complete, || wrong("the path does not connect the ends"))?;
        ensure(path.iter().all(|&cell| cells[cell] == number(*net)), || wrong("the path is not its own"))?;
        expected += path.len();
    }
    ensure(seen.iter().all(|&seen| seen), || "a net was forgotten".to_owned())?;
    ensure(taken == expected, || format!("{taken} cells are taken, and {expected} needed"))
}

#[cfg(test)]
mod tests {
    use super::super::systems::{Sequential, Stm, System};
    use super::{Board, FREE, Layout, Net, Planner, Shape, Window, check};

    /// Two nets whose only paths cross each other.
    fn crossing() -> Layout {
        let shape = Shape { width: 3, height: 3, depth: 1 };
        let nets = vec![Net { from: [0, 1, 0], to: [2, 1, 0] }, Net { from: [1, 0, 0], to: [1, 2, 0] }];
        Layout { shape, nets, margin: 0 }
    }

    fn a_stale_path_is_refused_on<S: System>() {
        let layout = crossing();
        let (system, board) = (S::new(), S::node(Board::<S>::new(&layout)));
        let mut planner = Planner::default();
        let mut plan = |net: usize| planner.plan(&system, &board, layout.nets[net], Window::all(layout.shape));
        let (first, second) = (plan(0).expect("the board is free"), plan(1).expect("the board is free"));
        assert_eq!(first.len(), 3);
        assert!(system.atomically(&board, |tx, board| board.lay(tx, &first, 1)));
        assert!(!system.atomically(&board, |tx, board| board.lay(tx, &second, 2)));
        assert_eq!(plan(1), None, "there is no other path");
        assert_eq!(check(&system, &board, &layout, [(0, Some(first.clone())), (1, None)].iter()), Ok(()));
        let overlapping = [(0, Some(first)), (1, Some(second))];
        assert!(check(&system, &board, &layout, overlapping.iter()).is_err());
        let mut cells = [FREE; 9];
        system.copy(&board.cells, &mut cells);
        assert_eq!(cells.iter().filter(|&&cell| cell == 2).count(), 0, "a refused path leaves no trace");
    }

    #[test]
    fn a_stale_path_is_refused() {
        a_stale_path_is_refused_on::<Sequential>();
        a_stale_path_is_refused_on::<Stm>();
    }
}
