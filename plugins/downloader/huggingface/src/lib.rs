//! `downloader.huggingface`: what a hub that speaks as huggingface.co does has, and its bytes.

mod config;

pub use config::HuggingFaceConfig;
