//! Numbers that look random and are the same after every start from the same seed.

/// Where random-looking numbers come from.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Draws a number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws the address of a network card, under the prefix that Proxmox uses.
    pub fn mac(&mut self) -> String {
        let [first, second, third, ..] = self.number().to_le_bytes();
        format!("BC:24:11:{first:02X}:{second:02X}:{third:02X}")
    }

    /// Draws a UUID.
    pub fn uuid(&mut self) -> String {
        let random = (u128::from(self.number()) << 64) | u128::from(self.number());
        uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().to_string()
    }
}
