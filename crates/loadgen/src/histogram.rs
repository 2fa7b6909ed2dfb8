//! Latencies, counted without keeping them.

/// Steps within a power of two: a value is known to 1 part in 32, about 3 %.
const STEPS: u64 = 32;

/// Counts values of any size in 1,920 counters, without allocating.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        let counts = vec![0; index(u64::MAX) + 1];
        Self { counts, total: 0 }
    }
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.counts[index(value)] += 1;
        self.total += 1;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The smallest known bound under which at least this part (0 to 1) of the values lies; 0
    /// when there are none.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(at);
            }
        }
        0
    }
}

fn index(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let power = u64::from(value.ilog2() - STEPS.ilog2());
    ((power + 1) * STEPS + (value >> power) - STEPS) as usize
}

/// The largest value counted at this index.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let power = index / STEPS - 1;
    let first = (index % STEPS + STEPS) << power;
    first + ((1 << power) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_counted_within_three_percent() {
        for shift in 0..64 {
            for value in [1 << shift, (1_u64 << shift) + (1 << shift) / 3] {
                let bound = upper(index(value));
                assert!(bound >= value && bound - value <= value / 32, "{value}");
            }
        }
        assert_eq!(upper(index(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut all = Histogram::default();
        assert_eq!(all.quantile(0.5), 0);
        for value in 1..=1000 {
            all.add(value);
        }
        for (part, exact) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let found = all.quantile(part);
            assert!(
                found >= exact && found - exact <= exact / 32,
                "{part}: {found}"
            );
        }
        all.clear();
        assert_eq!(all.quantile(1.0), 0);
    }
}
