//! The ways in which GGUF files are quantised: their names, how good they are, and what to say of them.
//!
//! The names and their numbers are llama.cpp's (`llama_ftype` in `include/llama.h`). The quality is a judgement in five
//! steps, after the perplexities that llama.cpp's `tools/quantize` publishes: 5 where nobody can tell it from the
//! original, 4 where the loss is small, 3 where it is noticed, 2 where it is large, 1 where the model just about talks.

/// One way.
#[derive(Debug, PartialEq)]
pub(crate) struct Quantization {
    pub(crate) name: &'static str,
    /// `general.file_type`, where it has a number of its own.
    number: Option<u64>,
    /// 1 to 5.
    pub(crate) quality: u8,
    pub(crate) description: &'static str,
}

macro_rules! quantizations {
    ($($quality:literal $description:literal: $($name:ident $(= $number:literal)?),+;)+) => {
        &[$($(Quantization {
            name: stringify!($name),
            number: quantizations!(@ $($number)?),
            quality: $quality,
            description: $description,
        },)+)+]
    };
    (@) => { None };
    (@ $number:literal) => { Some($number) };
}

const ALL: &[Quantization] = quantizations! {
    5 "Unquantized, full precision": F32 = 0, FP32;
    5 "Unquantized, half precision": F16 = 1, FP16, BF16 = 32;
    5 "No loss that is noticed, half as large as 16 bits": Q8_0 = 7, Q8_K, Q8_K_XL;
    5 "Hardly any loss": Q6_K = 18, Q6_K_L, Q6_K_XL;
    5 "Very small loss": Q5_K_S = 16, Q5_K_M = 17, Q5_K, Q5_K_L, Q5_K_XL;
    4 "Older format of 5 bits; Q5_K_M is better": Q5_0 = 8, Q5_1 = 9;
    4 "Good balance of quality and size": Q4_K_M = 15, Q4_K, Q4_K_L, Q4_K_XL;
    4 "Small loss, a little smaller than Q4_K_M": Q4_K_S = 14, IQ4_NL = 25, IQ4_XS = 30;
    4 "Four-bit floating point": MXFP4, MXFP4_MOE = 38, NVFP4 = 39;
    3 "Older format of 4 bits; Q4_K_M is better": Q4_0 = 2, Q4_1 = 3, Q4_0_4_4 = 33, Q4_0_4_8 = 34, Q4_0_8_8 = 35;
    3 "Noticeable loss, for little memory": Q3_K_M = 12, Q3_K_L = 13, Q3_K, Q3_K_XL, IQ3_S = 26, IQ3_M = 27;
    2 "Large loss": Q3_K_S = 11, IQ3_XS = 22, IQ3_XXS = 23, Q2_K = 10, Q2_K_S = 21, Q2_K_L, Q2_K_XL, IQ2_M = 29;
    1 "Very large loss, for models that fit in no other way": IQ2_S = 28, IQ2_XS = 20, IQ2_XXS = 19, IQ1_S = 24, IQ1_M = 31;
    1 "Fewer than two bits, for models that were trained for it": TQ1_0 = 36, TQ2_0 = 37, Q1_0 = 40;
};

/// What to say of a file that says nothing of itself.
const UNKNOWN: Quantization =
    Quantization { name: "unknown", number: None, quality: 3, description: "Unknown quantization" };

/// The quantisation that a path names, and how it is written there: the longest name that stands between marks, in the
/// file's name before the folders. `UD-` before it (a mix of Unsloth's) belongs to the name.
pub(crate) fn named(path: &str) -> Option<(&'static Quantization, String)> {
    path.to_ascii_uppercase().rsplit('/').find_map(|segment| {
        let segment = segment.strip_suffix(".GGUF").unwrap_or(segment);
        let at = |quantization: &'static Quantization| Some((quantization, place(segment, quantization.name)?));
        let (quantization, at) = ALL.iter().filter_map(at).max_by_key(|(quantization, _)| quantization.name.len())?;
        let dynamic = if segment[..at].ends_with("UD-") { "UD-" } else { "" };
        Some((quantization, format!("{dynamic}{}", quantization.name)))
    })
}

/// The last place of a name with nothing on either side that could belong to it.
fn place(text: &str, name: &str) -> Option<usize> {
    let free = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
        free(before) && free(text.as_bytes().get(at + name.len()))
    };
    text.rmatch_indices(name).map(|(at, _)| at).find(alone)
}

/// The quantisation of a `general.file_type`.
pub(crate) fn numbered(number: u64) -> Option<&'static Quantization> {
    ALL.iter().find(|quantization| quantization.number == Some(number))
}

/// What to say of a file that says nothing of itself.
pub(crate) fn unknown() -> &'static Quantization {
    &UNKNOWN
}

/// The quality as stars: `★★★★☆`.
pub(crate) fn stars(quality: u8) -> String {
    (1..=5).map(|star| if star <= quality { '★' } else { '☆' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantisation_is_found_in_every_way_of_writing_a_path() {
        let paths = [
            ("mistral-7b.Q4_K_M.gguf", "Q4_K_M"),
            ("llama-3-8b-q4_k_s.gguf", "Q4_K_S"),
            ("model_Q5_K.gguf", "Q5_K"),
            ("Qwen3-0.6B-UD-IQ1_S.gguf", "UD-IQ1_S"),
            ("UD-Q4_K_XL/Big-UD-Q4_K_XL-00001-of-00003.gguf", "UD-Q4_K_XL"),
            ("BF16/Big-00001-of-00009.gguf", "BF16"),
            ("ggml-model-f16.gguf", "F16"),
            ("gpt-oss-20b-mxfp4.gguf", "MXFP4"),
            ("Q8_0/model.IQ2_XXS.gguf", "IQ2_XXS"),
        ];
        for (path, name) in paths {
            assert_eq!(named(path).map(|(_, name)| name).as_deref(), Some(name), "{path}");
        }
        for path in ["model.gguf", "AQ4_0.gguf", "f160.gguf", "q4_k.gguf/../README", ""] {
            assert!(named(path).is_none_or(|(_, name)| path.starts_with("q4") && name == "Q4_K"), "{path}");
        }
    }

    #[test]
    fn names_and_numbers_are_each_of_one_quantisation() {
        for (at, one) in ALL.iter().enumerate() {
            for other in &ALL[at + 1..] {
                assert_ne!(one.name, other.name);
                assert!(one.number.is_none() || one.number != other.number, "{} {}", one.name, other.name);
            }
        }
        assert_eq!(numbered(15).map(|found| found.name), Some("Q4_K_M"));
        assert_eq!(numbered(1024), None);
    }

    #[test]
    fn the_example_of_the_reference_is_met() {
        let (found, _) = named("mistral-7b.Q4_K_M.gguf").unwrap();
        assert_eq!((found.quality, stars(found.quality)), (4, "★★★★☆".to_owned()));
        assert_eq!(found.description, "Good balance of quality and size");
    }
}
