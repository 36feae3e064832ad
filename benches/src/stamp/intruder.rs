//! STAMP's intruder: a network intrusion detector.
//!
//! Packets are taken from a queue (one transaction), put together to flows in a shared map (another), and complete flows,
//! taken from a second queue (a third), are searched for what attacks look like (none). Transactions are short, and at the
//! queues they conflict all the time.

mod traffic;

use std::fmt;

use super::competitor::{Competitor, Port};
use super::crew;
use super::outcome::{Outcome, Verdict, ensure};
use super::systems::{Found, Map, Queue, System};

use traffic::{Packet, Signatures, Traffic};

/// What a run is made of. The letters are those of the published command lines.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `-a`: the part of the flows that are attacks, in percent.
    pub attacks: u64,
    /// `-l`: the longest a flow gets, and with that the most packets it is cut into.
    pub length: u64,
    /// `-n`: flows.
    pub flows: u64,
    /// `-s`: the seed.
    pub seed: u64,
}

impl Parameters {
    /// `-a10 -l4 -n2038 -s1`: as published for simulators.
    #[must_use]
    pub fn small() -> Self {
        Self { attacks: 10, length: 4, flows: 2038, seed: 1 }
    }

    /// `-a10 -l128 -n32768 -s1`: in the size that this project's targets are stated for.
    #[must_use]
    pub fn middle() -> Self {
        Self { attacks: 10, length: 128, flows: 32_768, seed: 1 }
    }

    /// `-a10 -l128 -n262144 -s1`: as published for real machines.
    #[must_use]
    pub fn full() -> Self {
        Self { attacks: 10, length: 128, flows: 262_144, seed: 1 }
    }

    /// `-a10 -l8 -n100 -s1`: for tests.
    #[must_use]
    pub fn tiny() -> Self {
        Self { attacks: 10, length: 8, flows: 100, seed: 1 }
    }
}

/// As a command line has them.
impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attacks, length, flows, seed } = self;
        write!(f, "-a{} -l{} -n{} -s{}", attacks, length, flows, seed)
    }
}

/// Runs the program.
///
/// # Panics
///
/// When a sequential competitor is given several threads.
#[must_use]
pub fn run(competitor: Competitor, parameters: &Parameters, threads: usize) -> Outcome {
    competitor.run(parameters, threads)
}

/// What the threads share.
struct Detector<S: System> {
    packets: S::Queue<Packet>,
    /// The flows of which some packets have come, but not all.
    flows: S::Map<Flow<S>>,
    complete: S::Queue<Complete>,
}

struct Flow<S: System> {
    received: S::Var<u64>,
    /// In the order of their places in the flow.
    fragments: S::Link<Fragment<S>>,
}

struct Fragment<S: System> {
    packet: S::Node<Packet>,
    next: S::Link<Fragment<S>>,
}

/// A flow that has been put together.
struct Complete {
    flow: u64,
    text: Vec<u8>,
}

impl<S: System> Detector<S> {
    fn new(traffic: &Traffic) -> Self {
        let packets: Vec<_> = traffic.packets.iter().map(|packet| S::node(packet.clone())).collect();
        let count = packets.len();
        let complete = S::Queue::new(Vec::new(), traffic.texts.len());
        Self { packets: S::Queue::new(packets, count), flows: S::Map::new(), complete }
    }

    /// Adds a packet to its flow. If the flow is complete with it, hands it over.
    fn receive<'tx>(&'tx self, tx: &S::Tx<'tx>, packet: &S::Node<Packet>) -> Result<(), S::Abort> {
        if packet.count == 1 {
            return self.complete.push(tx, S::node(Complete { flow: packet.flow, text: packet.text.clone() }));
        }
        let Some(flow) = self.flows.get(tx, packet.flow)? else {
            let first = Fragment { packet: packet.clone(), next: S::link(None) };
            let flow = Flow { received: S::var(1), fragments: S::link(Some(S::node(first))) };
            self.flows.insert(tx, packet.flow, flow)?;
            return Ok(());
        };
        flow.add(tx, packet)?;
        let received = S::read(tx, &flow.received)? + 1;
        if received < packet.count {
            return S::write(tx, &flow.received, received);
        }
        let text = flow.text(tx)?;
        self.flows.remove(tx, packet.flow)?;
        self.complete.push(tx, S::node(Complete { flow: packet.flow, text }))
    }
}

impl<S: System> Flow<S> {
    /// Puts a fragment in its place.
    fn add<'tx>(&'tx self, tx: &S::Tx<'tx>, packet: &S::Node<Packet>) -> Result<(), S::Abort> {
        let mut link = &self.fragments;
        let mut next = S::follow(tx, link)?;
        while let Some(fragment) = next.map(Found::get) {
            if fragment.packet.place > packet.place {
                break;
            }
            link = &fragment.next;
            next = S::follow(tx, link)?;
        }
        let fragment = Fragment { packet: packet.clone(), next: S::link(next.map(Found::own)) };
        S::lead(tx, link, Some(S::node(fragment)))
    }

    fn text<'tx>(&'tx self, tx: &S::Tx<'tx>) -> Result<Vec<u8>, S::Abort> {
        let mut text = Vec::new();
        let mut link = &self.fragments;
        while let Some(fragment) = S::follow(tx, link)?.map(Found::get) {
            text.extend_from_slice(&fragment.packet.text);
            link = &fragment.next;
        }
        Ok(text)
    }
}

/// What one thread has found out: each flow it got, and whether that is an attack.
type Findings<S> = Vec<(<S as System>::Node<Complete>, bool)>;

/// Checks that every flow was put together once, as it was sent, and that the attacks are those that were made.
fn check<S: System>(traffic: &Traffic, findings: &[Findings<S>]) -> Verdict {
    let mut seen = vec![false; traffic.texts.len()];
    let mut attacks = 0;
    for (complete, attack) in findings.iter().flatten() {
        let flow = complete.flow as usize;
        ensure(!std::mem::replace(&mut seen[flow], true), || format!("flow {flow} was put together twice"))?;
        ensure(complete.text == traffic.texts[flow], || format!("flow {flow} was not put together as it was sent"))?;
        attacks += u64::from(*attack);
    }
    ensure(seen.iter().all(|&seen| seen), || "a flow was lost".to_owned())?;
    ensure(attacks == traffic.attacks, || format!("{} attacks, of which {attacks} were found", traffic.attacks))
}

impl Port for Parameters {
    fn run<S: System>(&self, threads: usize) -> Outcome {
        let signatures = Signatures::new();
        let traffic = Traffic::new(self, &signatures);
        let (system, detector) = (S::new(), S::node(Detector::<S>::new(&traffic)));
        let measured = crew::run(&system, threads, |worker| {
            let mut findings = Findings::<S>::with_capacity(traffic.texts.len());
            while let Some(packet) = worker.atomically(&detector, |tx, detector| detector.packets.pop(tx)) {
                worker.atomically(&detector, |tx, detector| detector.receive(tx, &packet));
                if let Some(flow) = worker.atomically(&detector, |tx, detector| detector.complete.pop(tx)) {
                    let attack = signatures.find(&flow.text);
                    findings.push((flow, attack));
                }
            }
            findings
        });
        measured.outcome(check::<S>(&traffic, &measured.results))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::every_run;
    use super::{Parameters, run};

    #[test]
    fn every_flow_is_put_together_once_and_every_attack_found() {
        every_run(|competitor, threads| run(competitor, &Parameters::tiny(), threads));
    }
}
