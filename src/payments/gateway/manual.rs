//! Payments that people make and record: by bank transfer, or at the till. An administrator says that
//! the money has come; it is given back by hand, too. This gateway moves nothing by itself.

use futures_util::FutureExt;
use futures_util::future::ready;

use super::{
    Answered, Charge, ChargeAnswer, ChargeStatus, GivenBack, PaymentGateway, Refund, Void,
};

/// The people.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

impl PaymentGateway for Manual {
    fn start<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        self.look(charge)
    }

    fn look<'a>(&'a self, charge: &'a Charge) -> Answered<'a, ChargeAnswer> {
        ready(Ok(ChargeAnswer {
            status: ChargeStatus::Pending,
            reference: Some(charge.payment.to_string()),
            redirect_url: None,
            amount: charge.amount,
            currency: charge.currency.clone(),
        }))
        .boxed()
    }

    fn capture<'a>(&'a self, _: &'a Charge) -> Answered<'a, ()> {
        ready(Ok(())).boxed()
    }

    fn void<'a>(&'a self, _: &'a Charge) -> Answered<'a, Void> {
        ready(Ok(Void::Done)).boxed()
    }

    /// An administrator says when it is back.
    fn refund<'a>(&'a self, _: &'a Refund) -> Answered<'a, GivenBack> {
        ready(Ok(GivenBack::Pending)).boxed()
    }

    /// Nothing is learned by looking: an administrator's word comes by itself.
    fn look_after_ms(&self) -> Option<i64> {
        None
    }
}
