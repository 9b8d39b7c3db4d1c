//! Passwords: Argon2id (RFC 9106) with the parameters that OWASP asks for: 19 MiB, two passes.

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use spine::{Rng, rng::random_bytes};

use crate::hub::Hub;
use crate::limits;
use crate::web::Oops;

fn argon() -> Result<Argon2<'static>, Oops> {
    let params = Params::new(19_456, 2, 1, None).map_err(|e| Oops::Internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// What is kept of a password.
pub fn hash(password: &str, rng: &dyn Rng) -> Result<String, Oops> {
    let chars = password.chars().count();
    if chars < limits::PASSWORD_CHARS_MIN {
        let least = limits::PASSWORD_CHARS_MIN;
        return Err(Oops::Bad(format!(
            "The password has fewer than {least} characters. A few words do well."
        )));
    }
    if chars > limits::PASSWORD_CHARS_MAX {
        return Err(Oops::Bad("The password is too long.".into()));
    }
    let failed = |error: argon2::password_hash::Error| Oops::Internal(error.to_string());
    let salt = SaltString::encode_b64(&random_bytes::<16>(rng)).map_err(failed)?;
    Ok(argon()?.hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}

/// Whether a password is the right one. Takes as long for a person that is not there (`None`).
pub fn holds(hub: &Hub, password: &str, kept: Option<&str>) -> Result<bool, Oops> {
    // Made of nothing; no password has it.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(_permit) = hub.passwords.try_acquire() else { return Err(Oops::TooMany) };
    let parsed = PasswordHash::new(kept.unwrap_or(NOBODY))
        .map_err(|error| Oops::Internal(error.to_string()))?;
    let short = password.chars().count() <= limits::PASSWORD_CHARS_MAX;
    Ok(short && argon()?.verify_password(password.as_bytes(), &parsed).is_ok() && kept.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fill(u8);
    impl Rng for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn a_password_is_kept_as_argon2id_and_short_ones_are_refused() {
        let kept = hash("correct horse battery", &Fill(3)).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        let parsed = PasswordHash::new(&kept).unwrap();
        let holds = |text: &str| argon().unwrap().verify_password(text.as_bytes(), &parsed).is_ok();
        assert!(holds("correct horse battery") && !holds("correct horse batter"));
        assert!(hash("short", &Fill(3)).is_err());
        assert!(hash(&"x".repeat(300), &Fill(3)).is_err());
    }
}
