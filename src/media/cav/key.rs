//! A key from a password.

use argon2::{Algorithm, Argon2, Params, Version};

use super::head::Cost;

/// The key that Argon2id makes of a password. It takes as much memory and time as `cost` says, on purpose.
pub(super) fn derive(password: &str, salt: &[u8; 16], cost: Cost) -> Result<[u8; 32], argon2::Error> {
    let Cost { memory_kib, passes, lanes } = cost;
    let params = Params::new(memory_kib, passes, lanes, Some(32))?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
        password.as_bytes(),
        salt,
        &mut key,
    )?;
    Ok(key)
}
