//! What comes over the network, and what attacks look like.

use super::super::random::Random;
use super::Parameters;

/// A part of a flow.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) flow: u64,
    /// Which of the flow's packets it is.
    pub(super) place: u64,
    /// How many the flow has.
    pub(super) count: u64,
    pub(super) text: Vec<u8>,
}

/// Packets in random order, and what they were made from.
pub(super) struct Traffic {
    pub(super) packets: Vec<Packet>,
    /// What each flow says.
    pub(super) texts: Vec<Vec<u8>>,
    pub(super) attacks: u64,
}

impl Traffic {
    pub(super) fn new(parameters: &Parameters, signatures: &Signatures) -> Self {
        let mut random = Random::new(parameters.seed);
        let (mut packets, mut texts, mut attacks) = (Vec::new(), Vec::new(), 0);
        for flow in 0..parameters.flows {
            let text = if random.percent(parameters.attacks) {
                signatures.words[random.index(signatures.words.len())].clone()
            } else {
                (0..=random.below(parameters.length)).map(|_| letter(&mut random)).collect()
            };
            // An innocent flow may look like an attack by chance.
            attacks += u64::from(signatures.find(&text));
            let count = 1 + random.index(text.len().min(parameters.length as usize));
            let length = text.len() / count;
            for place in 0..count {
                let end = if place + 1 == count { text.len() } else { (place + 1) * length };
                let (place_number, text) = (place as u64, text[place * length..end].to_vec());
                packets.push(Packet { flow, place: place_number, count: count as u64, text });
            }
            texts.push(text);
        }
        random.shuffle(&mut packets);
        Self { packets, texts, attacks }
    }
}

fn letter(random: &mut Random) -> u8 {
    b'a' + random.below(26) as u8
}

/// The words by which attacks are known.
pub(super) struct Signatures {
    words: Vec<Vec<u8>>,
    /// Which of them begin with each letter.
    by_letter: [Vec<usize>; 26],
}

impl Signatures {
    pub(super) fn new() -> Self {
        let mut random = Random::new(0);
        let words: Vec<Vec<u8>> =
            (0..64).map(|_| (0..5 + random.below(8)).map(|_| letter(&mut random)).collect()).collect();
        let beginning = |letter: usize| move |word: &Vec<u8>| usize::from(word[0] - b'a') == letter;
        let by_letter =
            std::array::from_fn(|letter| (0..words.len()).filter(|&word| beginning(letter)(&words[word])).collect());
        Self { words, by_letter }
    }

    /// Whether a text has one of the words in it.
    pub(super) fn find(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|start| {
            let candidates = &self.by_letter[usize::from(text[start] - b'a')];
            candidates.iter().any(|&word| text[start..].starts_with(&self.words[word]))
        })
    }
}
