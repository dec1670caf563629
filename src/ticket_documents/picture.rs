//! The code of a ticket as a picture (PNG), for mails: their readers show no vector graphics.

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, QrCode};

use super::DocumentError;

/// Pixels of a module.
const SCALE: usize = 6;
/// Light modules that must surround a QR code.
const QUIET_ZONE: usize = 4;

/// Returns the QR code of a text as a PNG in black and white.
///
/// # Errors
/// [`DocumentError`].
pub fn qr_picture(text: &str) -> Result<Vec<u8>, DocumentError> {
    let code = QrCode::new(text)?;
    let modules = code.width();
    let side = (modules + 2 * QUIET_ZONE) * SCALE;
    let colors = code.to_colors();
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| (at / SCALE).checked_sub(QUIET_ZONE).filter(|at| *at < modules);
        let at = module(x).zip(module(y)).map(|(x, y)| y * modules + x);
        at.is_some_and(|at| colors.get(at) == Some(&Color::Dark))
    };
    let mut rows = Vec::with_capacity(side * side.div_ceil(8));
    for y in 0..side {
        for byte in 0..side.div_ceil(8) {
            let light = |bit: &usize| !is_dark(byte * 8 + bit, y);
            rows.push((0..8).filter(light).fold(0, |bits, bit| bits | (0x80_u8 >> bit)));
        }
    }
    let written = |error: png::EncodingError| DocumentError::Written(error.to_string());
    let side = u32::try_from(side).map_err(|error| DocumentError::Written(error.to_string()))?;
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side, side);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut writer = encoder.write_header().map_err(written)?;
    writer.write_image_data(&rows).map_err(written)?;
    writer.finish().map_err(written)?;
    Ok(bytes)
}
