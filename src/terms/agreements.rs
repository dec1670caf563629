//! Agreements: who has agreed to which version, and what is still missing.

use uuid::Uuid;

use super::{TermError, Terms};
use crate::caller::Caller;
use crate::ids::{OfferingId, TermId, UserId};
use crate::inventory::TimestampMs;
use crate::store::{
    AgreementRow, Key, StoreError, TermFilter, TermHead, TermKind, TermRow, TermsOf,
};

/// The most terms of one kind that people are asked for when they sign up.
const MOST_AT_SIGN_UP: u64 = 50;

/// An agreement, with what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The agreement.
    pub row: AgreementRow,
    /// The version of terms that was agreed to.
    pub term: TermHead,
}

impl Terms {
    /// Agrees to a current version. Returns the agreement and whether this repeats an earlier
    /// request with the key. A person who has agreed to this version gets the first agreement, also
    /// when the version was replaced meanwhile.
    ///
    /// # Errors
    /// [`TermError::AccountRequired`], [`TermError::NoSuchTerm`] or [`TermError::NotCurrent`].
    pub async fn agree(
        &self,
        caller: Caller,
        id: TermId,
        key: Option<&Key>,
        now: TimestampMs,
    ) -> Result<(Agreement, bool), TermError> {
        if caller.guest {
            return Err(TermError::AccountRequired);
        }
        let term = self.term(id).await?;
        match self.store.term_agree(caller.user, id, key, now).await? {
            Some((row, replayed)) => {
                let TermRow { kind, class, title, version, .. } = term;
                let term = TermHead { kind, class, title, version };
                Ok((Agreement { row, term }, replayed))
            }
            None => Err(self.not_current(&term).await?),
        }
    }

    /// Agrees to all of `terms` for an application for `class`, or to none of them.
    ///
    /// # Errors
    /// [`TermError::NotAllowed`] with those that are unknown, not current, or of another class.
    pub async fn agree_all(
        &self,
        user: UserId,
        class: OfferingId,
        terms: &[TermId],
        now: TimestampMs,
    ) -> Result<(), TermError> {
        let refused = self.not_allowed(class, terms).await?;
        if !refused.is_empty() {
            return Err(TermError::NotAllowed(refused));
        }
        match self.store.term_agree_all(user, terms, now).await? {
            true => Ok(()),
            // One was replaced a moment ago.
            false => Err(TermError::NotAllowed(self.not_allowed(class, terms).await?)),
        }
    }

    /// Returns those of `terms` that cannot be agreed to for `class`.
    async fn not_allowed(
        &self,
        class: OfferingId,
        terms: &[TermId],
    ) -> Result<Vec<TermId>, StoreError> {
        let heads = self.store.term_heads(terms).await?;
        let current = self.store.term_current_among(terms).await?;
        let is_allowed = |id: &TermId| {
            let is_of_class = |head: &TermHead| head.class.is_none_or(|of| of == class);
            current.contains(id) && heads.get(id).is_some_and(is_of_class)
        };
        Ok(terms.iter().copied().filter(|id| !is_allowed(id)).collect())
    }

    /// Returns the agreements of a person, newest first, after the agreement `cursor`; at most
    /// `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn agreements(
        &self,
        user: UserId,
        cursor: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<Agreement>, TermError> {
        let rows = self.store.term_agreement_list(user, cursor, limit).await?;
        let ids: Vec<TermId> = rows.iter().map(|row| row.term).collect();
        let heads = self.store.term_heads(&ids).await?;
        let agreement = |row: AgreementRow| match heads.get(&row.term) {
            Some(term) => Ok(Agreement { row, term: term.clone() }),
            None => Err(StoreError::Damaged(format!("the term of agreement {}", row.id)).into()),
        };
        rows.into_iter().map(agreement).collect()
    }

    /// Returns when a person agreed to this version, if so.
    ///
    /// # Errors
    /// The store failed.
    pub async fn agreed_at(
        &self,
        user: UserId,
        id: TermId,
    ) -> Result<Option<TimestampMs>, TermError> {
        let found = self.store.term_agreement_get(user, id).await?;
        Ok(found.map(|row| row.agreed_at))
    }

    /// Returns the current terms that people are asked for when they sign up, required or not.
    ///
    /// # Errors
    /// The store failed.
    pub async fn for_sign_up(&self) -> Result<Vec<TermRow>, TermError> {
        let mut asked = Vec::new();
        for kind in [TermKind::Service, TermKind::Privacy] {
            let filter = TermFilter { kind: Some(kind), of: TermsOf::NoClass };
            asked.extend(self.store.term_list(filter, None, MOST_AT_SIGN_UP).await?);
        }
        Ok(asked)
    }

    /// Returns the required current terms of the service and of personal data that a person has not
    /// agreed to.
    ///
    /// # Errors
    /// The store failed.
    pub async fn missing_for_sign_up(&self, user: UserId) -> Result<Vec<TermRow>, TermError> {
        Ok(self.store.term_missing(user, None).await?)
    }

    /// True if a person has agreed to all required current terms of the service and of personal
    /// data.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_sign_up_completed(&self, user: UserId) -> Result<bool, TermError> {
        Ok(!self.store.term_is_missing(user).await?)
    }

    /// [`Self::is_sign_up_completed`] for answers that must not fail once their request took effect:
    /// false if the store cannot be read, and the next answer is right again.
    pub async fn has_completed_sign_up(&self, user: UserId) -> bool {
        self.is_sign_up_completed(user).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "it is not known whether a person has agreed to all terms");
            false
        })
    }

    /// Returns the required current terms that a person has to agree to before an application for
    /// `class`: those of the service, of personal data, of all classes and of this one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn missing_for_application(
        &self,
        user: UserId,
        class: OfferingId,
    ) -> Result<Vec<TermRow>, TermError> {
        Ok(self.store.term_missing(user, Some(class)).await?)
    }

    /// Refuses an application of a person who has not agreed to all that
    /// [`Self::missing_for_application`] lists.
    ///
    /// # Errors
    /// [`TermError::NotAgreed`].
    pub async fn check_application(
        &self,
        user: UserId,
        class: OfferingId,
    ) -> Result<(), TermError> {
        match self.missing_for_application(user, class).await? {
            missing if missing.is_empty() => Ok(()),
            missing => Err(TermError::NotAgreed(missing)),
        }
    }
}
