//! How much memory a language model takes where it runs: an estimate, by a formula that is written down here.
//!
//! ```text
//! memory = weights + cache
//! cache  = 2 bytes × tokens × Σ over layers ( key-value heads × (key length + value length) )
//! ```
//!
//! The weights are as large in memory as in the file, quantised or not. The cache keeps a key and a value for each layer,
//! key-value head and token, in 16 bits, which is what llama.cpp, vLLM and transformers do unless told otherwise. It is
//! counted for the context that the model was trained for, at most 4,096 tokens: what programs begin with. Mistral 7B
//! (32 layers, 8 heads of 128) so takes 128 KiB a token and 512 MiB in all. Where the shape of the model is not known, an
//! eighth of the weights stands for the cache: what it is for that model at four bits.
//!
//! Layers that look at a window only, or keep less than keys and values, are counted like the others: for models with such
//! layers it is more than they need. What a program takes for itself and for its intermediate results comes on top.

/// The context that is counted with.
const TOKENS: u64 = 4096;

/// Bytes of one number in the cache.
const CACHED: u64 = 2;

/// The shape of the attention, as far as the cache follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attention {
    /// Σ over layers of the key-value heads.
    pub(crate) heads: u64,
    /// The length of a key.
    pub(crate) key: u64,
    /// The length of a value.
    pub(crate) value: u64,
    /// The longest context, where the model says.
    pub(crate) context: Option<u64>,
}

impl Attention {
    /// The bytes of the cache; none where the numbers are too large to be true.
    fn cache(&self) -> Option<u64> {
        let tokens = self.context.unwrap_or(TOKENS).min(TOKENS);
        let a_token = self.heads.checked_mul(self.key.checked_add(self.value)?)?.checked_mul(CACHED)?;
        // A petabyte: no model, but a header that lies.
        a_token.checked_mul(tokens).filter(|bytes| *bytes < 1 << 50)
    }
}

/// The memory for a model of so many bytes.
pub(crate) fn estimate(weights: u64, attention: Option<Attention>) -> u64 {
    let cache = attention.and_then(|attention| attention.cache()).unwrap_or(weights / 8);
    weights.saturating_add(cache)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::report::human;

    const MISTRAL: Attention = Attention { heads: 32 * 8, key: 128, value: 128, context: Some(32_768) };

    #[test]
    fn the_example_of_the_reference_is_met() {
        let memory = estimate(4_368_438_272, Some(MISTRAL));
        assert_eq!(memory, 4_368_438_272 + (512 << 20));
        assert_eq!(human(memory), "4.6 GiB");
        assert_eq!(human(estimate(4_368_438_272, None)), "4.6 GiB");
    }

    #[test]
    fn a_short_context_takes_less() {
        assert_eq!(estimate(0, Some(Attention { context: Some(512), ..MISTRAL })), 64 << 20);
    }

    #[test]
    fn numbers_that_cannot_be_true_are_not_counted() {
        for heads in [u64::MAX, u64::MAX / 1024, 1 << 50] {
            assert_eq!(estimate(800, Some(Attention { heads, ..MISTRAL })), 900);
        }
        assert_eq!(estimate(u64::MAX, None), u64::MAX);
    }
}
