//! A xorb is the same in any portions, and what it is made of makes a xorb of its name again.

use ballast_xet::xorb::{Arrived, InvalidXorb, Record, RunReader, XorbReader, XorbWriter};

pub fn target(body: &[u8]) {
    let whole = read(body, body.len().max(1));
    for portion in [1, 7] {
        assert_eq!(read(body, portion), whole, "in portions of {portion}");
    }
    let arrived = match whole {
        Ok(arrived) => arrived,
        Err(error) => {
            assert!(error.at <= body.len() as u64, "{error}");
            return;
        }
    };
    let record = &arrived.record;
    assert!(arrived.stored <= body.len() as u64);
    assert_eq!(record.xorb_hash(), arrived.xorb);
    assert_eq!(Record::parse(record.as_bytes()).as_ref(), Ok(record));

    let (mut reader, mut raw) = (RunReader::new(record, 0..record.len()), vec![]);
    let stored = &body[..usize::try_from(arrived.stored).expect("a length of these bytes")];
    for mut portion in stored.chunks(1000) {
        while let Some(chunk) = reader.next(&mut portion).expect("what was read is decoded") {
            raw.extend_from_slice(chunk);
        }
    }
    reader.finish().expect("all of it");
    assert_eq!(raw.len(), record.raw_start(record.len()) as usize);

    let (mut writer, mut written) = (XorbWriter::new(), vec![]);
    for chunk in 0..record.len() {
        let bytes = record.raw_start(chunk) as usize..record.raw_start(chunk + 1) as usize;
        writer.push(&raw[bytes], &mut written).expect("a chunk that was read is written");
    }
    let again = writer.finish().expect("a chunk");
    assert_eq!((again.xorb, read(&written, 100)), (arrived.xorb, Ok(again)));
}

fn read(body: &[u8], portion: usize) -> Result<Arrived, InvalidXorb> {
    let mut reader = XorbReader::new();
    body.chunks(portion).try_for_each(|some| reader.push(some))?;
    reader.finish()
}
