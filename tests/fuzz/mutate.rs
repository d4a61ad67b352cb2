//! Makes broken inputs of good ones; the same number makes the same input again.

/// A source of chance (xorshift64*), seeded by a number.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        let mut mixed = Self((seed.wrapping_add(1)).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            mixed.next();
        }
        mixed
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    /// Draws a number below another one; 0 where there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap_or_default() % end.max(1)
    }

    /// Makes an input: an example, or two of them, changed in a few places.
    pub(crate) fn make(&mut self, examples: &[&str], words: &[&str]) -> Vec<u8> {
        let mut input = examples[self.below(examples.len())].as_bytes().to_vec();
        if self.below(8) == 0 {
            let other = examples[self.below(examples.len())].as_bytes();
            let at = self.below(input.len() + 1);
            input.splice(at..at, other.iter().copied());
        }
        for _ in 0..=self.below(5) {
            self.change(&mut input, words);
        }
        input.truncate(4096);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, words: &[&str]) {
        let start = self.below(input.len() + 1);
        let end = (start + 1 + self.below(8)).min(input.len());
        match self.below(7) {
            0 => drop(input.drain(start.min(end)..end)),
            1 => {
                let piece: Vec<u8> = input[start.min(end)..end].to_vec();
                let at = self.below(input.len() + 1);
                input.splice(at..at, piece);
            }
            2 => {
                let byte = self.byte();
                input.insert(start, byte);
            }
            3 if start < input.len() => input[start] ^= 1 << self.below(8),
            4 if start < input.len() => input[start] = self.byte(),
            5 => input.truncate(start),
            _ => {
                let word = words[self.below(words.len())].as_bytes();
                input.splice(start..start, word.iter().copied());
            }
        }
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }
}
