//! PASSWORD. It is hashed with argon2id as soon as it is looked at; what is kept is the hash.

use argon2::{Argon2, Params, PasswordHasher};
use tokio::sync::Semaphore;

use crate::command::Refusal;
use crate::directory::entity::PasswordHash;
use crate::protocol::codes::ResultType;

/// A hash takes much memory and time, on purpose: a script that adds a thousand users must not take the machine
/// from the calls.
static TURN: Semaphore = Semaphore::const_new(1);

/// Weak ones for tests, which have nothing to protect; otherwise the library's, which are OWASP's.
fn params() -> Params {
    if cfg!(test) { Params::new(8, 1, 1, None).unwrap_or_default() } else { Params::DEFAULT }
}

/// The hash of a password, with the salt and the parameters that it was made with.
pub(super) async fn hash(password: &str) -> Result<PasswordHash, Refusal> {
    let _turn = TURN.acquire().await.map_err(|_| failed())?;
    let password = password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::from(params()).hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    // Neither error may hold the password; saying nothing of them is the way to be sure.
    let hash = hashed.await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(PasswordHash(hash))
}

fn failed() -> Refusal {
    Refusal::new(
        ResultType::ProcessingMessage,
        "the password could not be hashed, so nothing was changed; try again",
    )
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    #[tokio::test]
    async fn a_hash_is_argon2id_and_salted_and_tells_the_right_password() {
        let (one, other) =
            (hash("s3cret é😀").await.expect("hashed"), hash("s3cret é😀").await.expect("hashed"));
        assert!(one.0.starts_with("$argon2id$v=19$") && one != other, "{}", one.0);
        let verify = |password: &str| Argon2::default().verify_password(password.as_bytes(), one.0.as_str());
        assert!(verify("s3cret é😀").is_ok());
        assert!(verify("s3cret").is_err());
    }
}
