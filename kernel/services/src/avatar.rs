//! Pictures of users and organisations: whatever came in, a square JPEG goes out.

use std::io::Cursor;
use std::time::Duration;

use ballast_catalog::{Avatar, NamespaceKind};
use ballast_contract::{Error, ErrorKind};
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView as _, ImageDecoder as _, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::profile::Presence;
use crate::{Failure, Hub, Result};

/// What may come in, in bytes.
pub const LARGEST_UPLOAD: usize = 10 * 1024 * 1024;
/// The longest side that may come in, in pixels; and what the picture takes when it is unpacked, in bytes.
const LONGEST_SIDE: u32 = 16_384;
const LARGEST_PICTURE: u64 = 256 * 1024 * 1024;
/// What goes out: the first of these sides, in pixels, with which a picture stays below the limit, which any photograph
/// does with the first.
const SIDES: [u32; 4] = [1024, 768, 512, 256];
const LARGEST_AVATAR: usize = 1024 * 1024;
const QUALITY: u8 = 95;

/// One picture at a time: it takes a processor and [`LARGEST_PICTURE`].
static TURN: Semaphore = Semaphore::const_new(1);
const PATIENCE: Duration = Duration::from_secs(20);

impl Presence {
    /// Takes a JPEG, PNG, WebP or GIF, whatever its sender calls it; answers the length of what is kept of it, in bytes.
    pub async fn set_avatar(&self, picture: Bytes) -> Result<usize> {
        if picture.len() > LARGEST_UPLOAD {
            return Err(Failure::TooLarge(format!("The picture has more than {LARGEST_UPLOAD} bytes")));
        }
        let broken = |kind, why: &str| Error::new(kind, "avatar", why);
        let turn = tokio::time::timeout(PATIENCE, TURN.acquire()).await;
        let busy = || Failure::Unavailable(broken(ErrorKind::Unavailable, "too many pictures at once"));
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        // The turn goes along: the work ends its own way when the caller is gone.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            square(&picture)
        });
        let ended = work.await.map_err(|_| Failure::Broken(broken(ErrorKind::Internal, "a picture did not end")))?;
        let jpeg = ended.map_err(Failure::Invalid)?;
        let (length, tag) = (jpeg.len(), format!("{:x}", Sha256::digest(&jpeg)));
        self.hub().catalog().set_avatar(self.namespace(), Avatar { jpeg, tag }).await?;
        Ok(length)
    }

    /// Takes the picture away. `NotFound` where there is none.
    pub async fn remove_avatar(&self) -> Result<()> {
        let there = self.hub().catalog().remove_avatar(self.namespace()).await?;
        there.then_some(()).ok_or_else(none)
    }
}

impl Hub {
    /// The picture of a user or an organisation; none where the caller has the one of this tag already. `NotFound`.
    pub async fn avatar(&self, name: &str, kind: NamespaceKind, known: Option<&str>) -> Result<Option<Avatar>> {
        let namespace = match kind {
            NamespaceKind::User => self.get_user(name).await?.key.namespace(),
            NamespaceKind::Organization => self.get_organization(name).await?.key,
        };
        if let Some(known) = known
            && self.catalog().find_avatar_tag(namespace).await?.ok_or_else(none)? == known
        {
            return Ok(None);
        }
        self.catalog().find_avatar(namespace).await?.map(Some).ok_or_else(none)
    }
}

fn none() -> Failure {
    Failure::NotFound("There is no avatar".to_owned())
}

/// The middle of a picture as a JPEG; or what is wrong with it, in a sentence.
fn square(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let picture = upright(bytes)?;
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    let middle = picture.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    let mut jpeg = vec![];
    for most in SIDES {
        // Never enlarged.
        let fitting =
            if side > most { middle.resize_exact(most, most, FilterType::CatmullRom) } else { middle.clone() };
        jpeg.clear();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
        encoder.encode_image(&on_white(&fitting)).map_err(|error| format!("The picture cannot be kept: {error}"))?;
        if jpeg.len() <= LARGEST_AVATAR {
            break;
        }
    }
    Ok(jpeg)
}

/// A picture as its camera was held.
fn upright(bytes: &[u8]) -> std::result::Result<DynamicImage, String> {
    let unreadable = |error: image::ImageError| format!("The picture cannot be read: {error}");
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let mut reader = reader.map_err(|error| format!("The picture cannot be read: {error}"))?;
    if !matches!(reader.format(), Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif)) {
        return Err("This is no picture that can be taken: send a JPEG, PNG, WebP or GIF".to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(LARGEST_PICTURE);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    if decoder.total_bytes() > LARGEST_PICTURE {
        return Err(format!("The picture has too many pixels: unpacked it takes more than {LARGEST_PICTURE} bytes"));
    }
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    picture.apply_orientation(orientation);
    match picture.width().min(picture.height()) {
        0 => Err("The picture is empty".to_owned()),
        _ => Ok(picture),
    }
}

/// What shines through is white: a JPEG has no transparency.
fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let mut opaque = RgbImage::new(picture.width(), picture.height());
    for (from, to) in picture.to_rgba8().pixels().zip(opaque.pixels_mut()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        *to = Rgb([red, green, blue].map(|value| ((value * alpha + 255 * (255 - alpha)) / 255) as u8));
    }
    opaque
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn read(jpeg: &[u8]) -> RgbImage {
        assert_eq!(image::guess_format(jpeg).unwrap(), ImageFormat::Jpeg);
        image::load_from_memory(jpeg).unwrap().to_rgb8()
    }

    /// Red on the left, green in the middle, blue on the right.
    fn stripes(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, _| match x * 3 / width {
            0 => Rgb([255, 0, 0]),
            1 => Rgb([0, 255, 0]),
            _ => Rgb([0, 0, 255]),
        })
    }

    fn is(pixel: &Rgb<u8>, color: [u8; 3]) -> bool {
        pixel.0.iter().zip(color).all(|(is, should)| is.abs_diff(should) < 30)
    }

    #[test]
    fn the_middle_is_kept_and_made_no_larger_than_it_should_be() {
        let large = read(&square(&png(stripes(3000, 1000))).unwrap());
        assert_eq!(large.dimensions(), (1000, 1000));
        assert!([(10, 10), (500, 500), (990, 990)].iter().all(|(x, y)| is(large.get_pixel(*x, *y), [0, 255, 0])));
        assert_eq!(read(&square(&png(stripes(2100, 2000))).unwrap()).dimensions(), (1024, 1024));
        assert_eq!(read(&square(&png(stripes(7, 9))).unwrap()).dimensions(), (7, 7));
    }

    #[test]
    fn what_shines_through_is_white() {
        let clear = RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0]));
        assert!(is(read(&square(&png(clear)).unwrap()).get_pixel(4, 4), [255, 255, 255]));
    }

    #[test]
    fn a_picture_stands_as_its_camera_was_held() {
        let mut jpeg = vec![];
        JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&stripes(96, 96)).unwrap();
        // An EXIF segment that says: to be turned right by a quarter (6).
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
        let upright = read(&square(&turned).unwrap());
        assert!(is(upright.get_pixel(48, 8), [255, 0, 0]) && is(upright.get_pixel(48, 88), [0, 0, 255]));
        let as_it_lies = read(&square(&jpeg).unwrap());
        assert!(is(as_it_lies.get_pixel(8, 48), [255, 0, 0]));
    }

    #[test]
    fn a_picture_of_noise_is_made_smaller_rather_than_kept_large() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let picture = RgbImage::from_fn(1100, 1100, |_, _| Rgb([noise(), noise(), noise()]));
        let jpeg = square(&png(picture)).unwrap();
        assert!(jpeg.len() <= LARGEST_AVATAR && read(&jpeg).width() < 1024, "{}", jpeg.len());
    }

    #[test]
    fn what_is_no_picture_or_too_large_a_one_is_refused() {
        for bytes in [&b""[..], b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"BM"] {
            assert!(square(bytes).is_err());
        }
        // A few bytes that announce more pixels than anybody has memory for.
        let mut announced = png(stripes(4, 4));
        announced[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
        let crc = crc32(&announced[12..29]);
        announced[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(square(&announced).is_err());
    }

    /// Of a PNG's chunk.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        })
    }
}
