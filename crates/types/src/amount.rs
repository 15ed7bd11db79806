//! Assets and amounts (Open Payments resource server, schema `amount`).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeStruct};
use std::fmt;

/// The largest value an amount can have: 2⁶³−1, so that every sum and every column is a signed 64-bit integer.
pub const VALUE_MAX: u64 = i64::MAX as u64;

const CODE_LENGTH_MAX: usize = 16;
const SCALE_MAX: u8 = 18;

/// An asset: a code such as `CAD` and the number of decimal places of its smallest unit.
///
/// Two assets are the same only if both agree: `USD` with scale 2 and `USD` with scale 9 are different assets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asset {
    code: [u8; CODE_LENGTH_MAX],
    scale: u8,
}

/// Why text does not name an asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAsset {
    /// The code is empty, too long, or has characters other than ASCII letters, digits, `.`, `-` and `_`.
    #[error("asset code {0:?} is not 1 to 16 ASCII letters, digits, '.', '-' or '_'")]
    Code(String),
    /// The scale is above 18.
    #[error("asset scale {0} is above 18")]
    Scale(u64),
}

impl Asset {
    /// An asset from its code and scale (0 to 18 decimal places).
    ///
    /// # Errors
    /// When the code is not 1 to 16 plain ASCII characters or the scale is above 18.
    pub fn new(code: &str, scale: u8) -> Result<Self, InvalidAsset> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if code.is_empty() || code.len() > CODE_LENGTH_MAX || !code.bytes().all(plain) {
            return Err(InvalidAsset::Code(code.chars().take(40).collect()));
        }
        if scale > SCALE_MAX {
            return Err(InvalidAsset::Scale(scale.into()));
        }
        let mut bytes = [0; CODE_LENGTH_MAX];
        bytes[..code.len()].copy_from_slice(code.as_bytes());
        Ok(Self { code: bytes, scale })
    }

    /// The asset code, such as `CAD`.
    pub fn code(&self) -> &str {
        let length = self.code.iter().position(|b| *b == 0).unwrap_or(CODE_LENGTH_MAX);
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.code[..length]).unwrap_or_default()
    }

    /// The number of decimal places of the smallest unit: 2 for cents.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// An amount of this asset, in its smallest unit.
    ///
    /// # Errors
    /// When the value is above [`VALUE_MAX`].
    pub fn amount(&self, value: u64) -> Result<Amount, AmountError> {
        Amount::new(value, *self)
    }

    /// Nothing of this asset.
    pub fn zero(&self) -> Amount {
        Amount { value: 0, asset: *self }
    }

    /// Reads a decimal number as people write it (`5`, `5.0`, `100.25`) as an amount of this asset.
    ///
    /// # Errors
    /// When it is not a plain decimal number, has more decimal places than the asset, or is too large.
    pub fn parse_decimal(&self, text: &str) -> Result<Amount, AmountError> {
        let invalid = || AmountError::Decimal { text: text.chars().take(40).collect(), scale: self.scale };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
            return Err(invalid());
        }
        let fraction = fraction.trim_end_matches('0');
        let padding = usize::from(self.scale).checked_sub(fraction.len()).ok_or_else(invalid)?;
        let all = format!("{}{fraction}{}", whole, "0".repeat(padding));
        let all = all.trim_start_matches('0');
        if all.is_empty() { Ok(self.zero()) } else { self.amount(parse_value(all)?) }
    }
}

impl fmt::Debug for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code(), self.scale)
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why an amount cannot be read or computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The value is not a plain unsigned decimal integer.
    #[error("amount value {0:?} is not an unsigned integer: write only digits, without sign, space or leading zeros")]
    Value(String),
    /// The value is above 2⁶³−1.
    #[error("amount value is above the largest supported value {VALUE_MAX}")]
    TooLarge,
    /// Two amounts of different assets were combined.
    #[error("{0:?} and {1:?} are different assets")]
    AssetMismatch(Asset, Asset),
    /// Subtracting more than there is.
    #[error("the result would be below zero")]
    BelowZero,
    /// Not a decimal number that the asset can express.
    #[error("{text:?} is not a decimal number with at most {scale} decimal places")]
    Decimal {
        /// What was given.
        text: String,
        /// Decimal places of the asset.
        scale: u8,
    },
}

/// Reads an amount's `value`: an unsigned decimal integer without sign, space, exponent or leading zeros.
///
/// # Errors
/// When it is anything else, or above [`VALUE_MAX`].
pub fn parse_value(text: &str) -> Result<u64, AmountError> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if !plain {
        return Err(AmountError::Value(text.chars().take(40).collect()));
    }
    match text.parse::<u64>() {
        Ok(value) if value <= VALUE_MAX => Ok(value),
        _ => Err(AmountError::TooLarge),
    }
}

/// An amount of an asset, counted in its smallest unit. Never negative, at most [`VALUE_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    value: u64,
    asset: Asset,
}

impl Amount {
    /// An amount of `value` smallest units.
    ///
    /// # Errors
    /// When the value is above [`VALUE_MAX`].
    pub fn new(value: u64, asset: Asset) -> Result<Self, AmountError> {
        if value > VALUE_MAX { Err(AmountError::TooLarge) } else { Ok(Self { value, asset }) }
    }

    /// The number of smallest units.
    pub fn value(&self) -> u64 {
        self.value
    }

    /// The asset it is an amount of.
    pub fn asset(&self) -> Asset {
        self.asset
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.value == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// When the assets differ or the sum is above [`VALUE_MAX`].
    pub fn checked_add(&self, other: &Self) -> Result<Self, AmountError> {
        self.same_asset(other)?;
        Self::new(self.value.checked_add(other.value).ok_or(AmountError::TooLarge)?, self.asset)
    }

    /// The difference.
    ///
    /// # Errors
    /// When the assets differ or `other` is larger.
    pub fn checked_sub(&self, other: &Self) -> Result<Self, AmountError> {
        self.same_asset(other)?;
        Self::new(self.value.checked_sub(other.value).ok_or(AmountError::BelowZero)?, self.asset)
    }

    /// The number as people write it, without the code: `100.00`.
    pub fn decimal(&self) -> String {
        let scale = usize::from(self.asset.scale);
        if scale == 0 {
            return self.value.to_string();
        }
        let digits = format!("{:0>width$}", self.value, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        format!("{whole}.{fraction}")
    }

    fn same_asset(&self, other: &Self) -> Result<(), AmountError> {
        if self.asset == other.asset { Ok(()) } else { Err(AmountError::AssetMismatch(self.asset, other.asset)) }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.asset.code())
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.value, self.asset)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut state = serializer.serialize_struct("Amount", 3)?;
        state.serialize_field("value", &DecimalString(self.value))?;
        state.serialize_field("assetCode", self.asset.code())?;
        state.serialize_field("assetScale", &self.asset.scale)?;
        state.end()
    }
}

/// Writes an integer as a JSON string without an allocation.
struct DecimalString(u64);

impl Serialize for DecimalString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "amount", rename_all = "camelCase")]
        struct Raw<'a> {
            #[serde(borrow)]
            value: std::borrow::Cow<'a, str>,
            #[serde(borrow)]
            asset_code: std::borrow::Cow<'a, str>,
            asset_scale: u64,
        }
        let raw = Raw::deserialize(deserializer)?;
        let scale =
            u8::try_from(raw.asset_scale).map_err(|_| de::Error::custom(InvalidAsset::Scale(raw.asset_scale)))?;
        let asset = Asset::new(&raw.asset_code, scale).map_err(de::Error::custom)?;
        Amount::new(parse_value(&raw.value).map_err(de::Error::custom)?, asset).map_err(de::Error::custom)
    }
}
