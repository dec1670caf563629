//! The change of a class that follows from its form: what was touched in it, and nothing else.

use super::class_form::ClassForm;
use super::refused::Refused;
use crate::classes::{ClassEdit, WaitlistDraft};
use crate::web::visitor::Visitor;

impl ClassForm {
    /// Reads the change from `before`, the form of the class as it is: what does not differ stays,
    /// seconds that a form cannot show included.
    pub(super) fn edit(&self, visitor: &Visitor, before: &Self) -> Result<ClassEdit, Refused> {
        let draft = self.draft(visitor)?;
        let zone_differs = self.time_zone != before.time_zone;
        let recruits_from = zone_differs || self.recruit_start != before.recruit_start;
        let recruits_until = zone_differs || self.recruit_end != before.recruit_end;
        let money = (&self.fee, &self.currency) != (&before.fee, &before.currency);
        let terms =
            |one: &Self| [&one.cancel, &one.cancel_until, &one.refund_percent].map(String::clone);
        let has_terms =
            terms(self) != terms(before) || zone_differs && !self.cancel_until.is_empty();
        Ok(ClassEdit {
            title: (self.title != before.title).then_some(draft.title),
            description: (self.description != before.description).then_some(draft.description),
            location: (self.location != before.location).then_some(draft.location),
            capacity: (self.capacity != before.capacity).then_some(draft.capacity),
            waitlist: match self.waitlist == before.waitlist {
                true => WaitlistDraft::default(),
                false => draft.waitlist,
            },
            visibility: (self.visibility != before.visibility).then_some(draft.visibility),
            fee: money.then_some(draft.fee),
            selection: (self.selection != before.selection).then_some(draft.selection),
            promotion: (self.promotion != before.promotion).then_some(draft.promotion),
            allow_reapply: (self.reapply != before.reapply).then_some(draft.allow_reapply),
            recruit_start: recruits_from.then_some(draft.recruit_start),
            // An end that is taken away is the start of the class.
            recruit_end: recruits_until.then(|| draft.recruit_end.unwrap_or(draft.starts_at)),
            starts_at: (zone_differs || self.starts != before.starts).then_some(draft.starts_at),
            ends_at: (zone_differs || self.ends != before.ends).then_some(draft.ends_at),
            is_online: (self.online != before.online).then_some(draft.is_online),
            pay_window_ms: (self.pay_minutes != before.pay_minutes).then_some(draft.pay_window_ms),
            offer_ttl_ms: (self.offer_minutes != before.offer_minutes)
                .then_some(draft.offer_ttl_ms),
            cancellation: has_terms.then_some(draft.cancellation),
            time_zone: zone_differs.then_some(draft.time_zone).flatten(),
        })
    }
}
