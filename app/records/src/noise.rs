//! NumPy's legacy generator (`RandomState`), from which the published code draws all subject noise.
//!
//! Mersenne twister MT19937 seeded by the integer recurrence; 53-bit doubles; normals
//! by the polar method.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The generator with its state.
pub struct LegacyRandom {
    key: [u32; SIZE],
    position: usize,
    spare_normal: Option<f64>,
}

impl LegacyRandom {
    /// The generator that `numpy.random.RandomState(seed)` is.
    #[must_use]
    pub fn new(seed: u32) -> Self {
        let mut key = [0; SIZE];
        key[0] = seed;
        for i in 1..SIZE {
            let previous: u32 = key[i - 1];
            key[i] = (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { key, position: SIZE, spare_normal: None }
    }

    /// The generator that Python's `random.Random(seed)` is, for a seed of one word.
    #[must_use]
    pub fn of_python(seed: u32) -> Self {
        let mut random = Self::new(19_650_218);
        let key = &mut random.key;
        let mixed =
            |key: &[u32; SIZE], i: usize, factor: u32| key[i] ^ (key[i - 1] ^ (key[i - 1] >> 30)).wrapping_mul(factor);
        let mut i = 1;
        for step in 0..2 * SIZE - 1 {
            key[i] = if step < SIZE {
                mixed(key, i, 1_664_525).wrapping_add(seed)
            } else {
                mixed(key, i, 1_566_083_941).wrapping_sub(i as u32)
            };
            i += 1;
            if i == SIZE {
                key[0] = key[SIZE - 1];
                i = 1;
            }
        }
        key[0] = 0x8000_0000;
        random
    }

    fn refill(&mut self) {
        for i in 0..SIZE {
            let joined = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % SIZE] & 0x7fff_ffff);
            let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.key[i] = self.key[(i + SHIFT) % SIZE] ^ (joined >> 1) ^ twist;
        }
        self.position = 0;
    }

    /// The next 32 bits.
    pub fn next_word(&mut self) -> u32 {
        if self.position == SIZE {
            self.refill();
        }
        let mut word = self.key[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// Uniform on `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        let high = f64::from(self.next_word() >> 5);
        let low = f64::from(self.next_word() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Uniform on `[low, high)`, as NumPy's `uniform(low, high)`.
    pub fn uniform_between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// The next standard normal number.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let x1 = 2.0 * self.uniform() - 1.0;
            let x2 = 2.0 * self.uniform() - 1.0;
            let square = x1 * x1 + x2 * x2;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare_normal = Some(factor * x1);
                return factor * x2;
            }
        }
    }

    /// The next `count` standard normals.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::LegacyRandom;

    /// Values that NumPy prints.
    #[test]
    fn seed_one_gives_the_published_normals() {
        let expected = [
            1.624_345_363_663_241_7,
            -0.611_756_413_650_075_4,
            -0.528_171_752_263_455_7,
            -1.072_968_622_156_170_5,
            0.865_407_629_324_678_5,
            -2.301_538_696_880_282_7,
            1.744_811_764_216_48,
            -0.761_206_900_895_102_8,
        ];
        assert_eq!(LegacyRandom::new(1).normals(8), expected);
    }

    /// Values that NumPy prints, to their eight digits.
    #[test]
    fn seed_one_gives_the_published_uniforms() {
        let mut random = LegacyRandom::new(1);
        for expected in [-0.165_955_99, 0.440_648_99, -0.999_771_25] {
            let ours = random.uniform_between(-1.0, 1.0);
            assert!((ours - expected).abs() < 5e-9, "{ours} instead of {expected}");
        }
    }
}
