//! Proves to another instance that both sign tokens and ticket codes with the same
//! `ADMITONE_JWT_SECRET`. The answer is a keyed hash of a question that is drawn anew each time, so
//! that neither the secret nor any constant is ever sent.

use bytes::Bytes;

use crate::ids::InstanceId;
use crate::random;

/// Prefix of such a question. Versions that do not know it refuse it.
const PROOF: &[u8] = b"token-proof:";
const ID: usize = 16;
const HASH: usize = 32;

/// Makes and checks proofs.
#[derive(Clone)]
pub struct TokenProof {
    key: [u8; HASH],
}

/// The result of checking an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The member has the same secret.
    Same,
    /// The member has another secret, and no instance but the asker disputes it.
    Different,
    /// The member has another secret, and is out of service for that reason.
    Excluded,
}

impl TokenProof {
    /// Makes proofs of this secret.
    #[must_use]
    pub fn new(jwt_secret: &str) -> Self {
        Self {
            key: blake3::derive_key(
                "admitone 2026 proof of the token secret",
                jwt_secret.as_bytes(),
            ),
        }
    }

    /// Returns a question that `asker` has never asked before.
    #[must_use]
    pub fn question(asker: InstanceId) -> Bytes {
        Bytes::from([PROOF, asker.0.as_bytes(), &random::bytes()].concat())
    }

    /// Returns the asker, if `question` is such a question.
    #[must_use]
    pub fn asker(question: &[u8]) -> Option<InstanceId> {
        let rest = question.strip_prefix(PROOF)?;
        let (asker, nonce) = rest.split_first_chunk::<ID>()?;
        (nonce.len() == ID).then(|| InstanceId(uuid::Uuid::from_bytes(*asker)))
    }

    /// Returns the answer of `me`; `excluded` means that an instance other than the asker disputes
    /// its secret.
    #[must_use]
    pub fn answer(&self, question: &[u8], me: InstanceId, excluded: bool) -> Vec<u8> {
        let mut answer = self.hash(question, me).as_bytes().to_vec();
        answer.push(u8::from(excluded));
        answer
    }

    /// Returns the verdict on the answer of `of`; `None` if `answer` is malformed.
    #[must_use]
    pub fn check(&self, question: &[u8], of: InstanceId, answer: &[u8]) -> Option<Verdict> {
        let (hash, [excluded]) = answer.split_first_chunk::<HASH>()? else { return None };
        // Compared in constant time.
        Some(match (self.hash(question, of) == blake3::Hash::from_bytes(*hash), excluded) {
            (true, _) => Verdict::Same,
            (false, 0) => Verdict::Different,
            (false, _) => Verdict::Excluded,
        })
    }

    fn hash(&self, question: &[u8], of: InstanceId) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(question);
        hasher.update(of.0.as_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_the_same_secret_proves_it_and_an_answer_is_of_one_question() {
        let (ours, theirs) = (TokenProof::new("our secret"), TokenProof::new("their secret"));
        let (asker, other) = (InstanceId::random(), InstanceId::random());
        let question = TokenProof::question(asker);
        assert_eq!(TokenProof::asker(&question), Some(asker));
        let check = |answer: &[u8]| ours.check(&question, other, answer);
        assert_eq!(check(&ours.answer(&question, other, false)), Some(Verdict::Same));
        assert_eq!(check(&theirs.answer(&question, other, false)), Some(Verdict::Different));
        assert_eq!(check(&theirs.answer(&question, other, true)), Some(Verdict::Excluded));
        let again = TokenProof::question(asker);
        assert_ne!(again, question);
        assert_eq!(check(&ours.answer(&again, other, false)), Some(Verdict::Different));
        assert_eq!(check(&ours.answer(&question, asker, false)), Some(Verdict::Different));
        assert_eq!((check(b""), check(&[0; 32]), check(&[0; 34])), (None, None, None));
        for bad in
            [&b"hello"[..], b"token-proof:", &question[..43], &[&question[..], b"x"].concat()]
        {
            assert_eq!(TokenProof::asker(bad), None);
        }
    }
}
