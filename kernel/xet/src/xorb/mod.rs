//! A xorb: up to 8192 chunks, one behind the other, each with a header of eight bytes.
//!
//! It is named by its chunks before compression, so two xorbs of one name may differ in their bytes. A server keeps the
//! bytes that came first, and a `Record` of what stands where in them.

mod compress;
mod cutting;
mod decode;
mod error;
mod footer;
mod group;
mod header;
mod lz4;
mod reader;
mod record;
mod run;
mod writer;

pub use compress::Scheme;
pub use decode::Decoder;
pub use error::{InvalidXorb, XorbFault};
pub use footer::MAX_FOOTER;
pub use header::{ChunkHeader, HEADER};
pub use lz4::FrameFault;
pub use reader::{Arrived, XorbReader};
pub use record::{InvalidRecord, Record};
pub use run::RunReader;
pub use writer::{NotAdded, XorbWriter};
