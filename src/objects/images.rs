//! Pictures that people upload: looked at, turned upright, made smaller and written anew, so that neither
//! what they say beside the picture (place, camera) nor anything hidden in them is kept.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::text::InvalidField;

/// The most bytes of an upload.
pub const MAX_BYTES: usize = 10 * 1_024 * 1_024;
/// The most pixels of a picture: a camera of 40 megapixels.
const MAX_PIXELS: u64 = 40_000_000;
/// The most pixels of a side.
const MAX_SIDE: u32 = 10_000;
/// The most bytes of a picture in memory: 40 megapixels with 16 bits for each of four colours.
const MAX_DECODED: u64 = MAX_PIXELS * 8;
/// The widths in which a picture is kept. A narrower picture is kept as wide as it is.
pub const WIDTHS: [u32; 3] = [320, 800, 1_600];
const QUALITY: u8 = 85;

/// A picture, ready to be kept.
#[derive(Debug)]
pub struct Picture {
    /// `image/jpeg`, or `image/png` for a picture that is transparent somewhere.
    pub content_type: &'static str,
    /// The width of the picture, upright.
    pub width: u32,
    /// The height of the picture, upright.
    pub height: u32,
    /// The picture in each of [`WIDTHS`].
    pub sizes: [Bytes; WIDTHS.len()],
}

fn invalid(reason: impl Into<String>) -> InvalidField {
    InvalidField::new("file", reason)
}

/// Reads an upload. Busy for up to a second or two.
///
/// # Errors
/// It is no picture of a known kind, it is damaged, or it is too large.
pub fn read(upload: &[u8]) -> Result<Picture, InvalidField> {
    let kind = image::guess_format(upload).ok();
    let kind = kind
        .filter(|kind| matches!(kind, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP));
    let kind = kind.ok_or_else(|| invalid("must be a picture: JPEG, PNG or WebP"))?;
    let damaged = |_| invalid("is damaged, or not a whole picture");
    let mut reader = ImageReader::with_format(Cursor::new(upload), kind);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        image::ImageError::Limits(_) => too_large(),
        _ => invalid("is damaged, or not a whole picture"),
    })?;
    // What the head claims, before memory is taken for it.
    let (width, height) = decoder.dimensions();
    let is_large = width > MAX_SIDE || height > MAX_SIDE;
    let pixels = u64::from(width) * u64::from(height);
    if is_large || pixels > MAX_PIXELS || decoder.total_bytes() > MAX_DECODED {
        return Err(too_large());
    }
    if pixels == 0 {
        return Err(invalid("is damaged, or not a whole picture"));
    }
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    written(&picture)
}

fn too_large() -> InvalidField {
    invalid("may have at most 40 megapixels, and 10,000 pixels on a side")
}

fn written(picture: &DynamicImage) -> Result<Picture, InvalidField> {
    let (width, height) = (picture.width(), picture.height());
    // Made small first: whether a pixel is transparent is looked for in what is kept.
    let kept = narrowed(picture, WIDTHS[WIDTHS.len() - 1]);
    let is_transparent = kept.color().has_alpha() && has_holes(&kept);
    let kept = match is_transparent {
        true => DynamicImage::ImageRgba8(kept.into_rgba8()),
        false => DynamicImage::ImageRgb8(kept.into_rgb8()),
    };
    let size = |width| encoded(&narrowed(&kept, width), is_transparent);
    Ok(Picture {
        content_type: if is_transparent { "image/png" } else { "image/jpeg" },
        width,
        height,
        sizes: [size(WIDTHS[0])?, size(WIDTHS[1])?, size(WIDTHS[2])?],
    })
}

fn narrowed(picture: &DynamicImage, width: u32) -> DynamicImage {
    if picture.width() <= width {
        return picture.clone();
    }
    let height = u64::from(picture.height()) * u64::from(width) / u64::from(picture.width());
    picture.thumbnail_exact(width, u32::try_from(height).unwrap_or(u32::MAX).max(1))
}

fn has_holes(picture: &DynamicImage) -> bool {
    picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX)
}

fn encoded(picture: &DynamicImage, is_transparent: bool) -> Result<Bytes, InvalidField> {
    let mut bytes = Vec::new();
    let done = match is_transparent {
        true => picture.write_with_encoder(PngEncoder::new(&mut bytes)),
        false => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)),
    };
    done.map_err(|_| invalid("cannot be written as JPEG or PNG"))?;
    Ok(bytes.into())
}
