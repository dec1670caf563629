//! The pages of classes for those who apply: the list, a class with its application, and one's own
//! enrollments. All of it works without scripts.

pub(crate) mod answered;
mod answers;
mod application;
mod cancel;
mod certificate;
mod enrollment;
mod enrollments;
mod list;
mod page;
pub(super) mod words;

use actix_web::web;

/// Adds the routes.
pub(super) fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(web::resource("/classes").get(list::page))
        .service(web::resource("/classes/{class}").get(page::page))
        .service(web::resource("/classes/{class}/apply").post(page::apply))
        .service(web::resource("/enrollments").get(enrollments::page))
        .service(web::resource("/enrollments/{enrollment}").get(enrollment::page))
        .service(
            web::resource("/enrollments/{enrollment}/cancel").get(cancel::ask).post(cancel::cancel),
        )
        .service(
            web::resource("/enrollments/{enrollment}/answers")
                .get(answers::page)
                .post(answers::replace),
        )
        .service(
            web::resource("/enrollments/{enrollment}/certificate.pdf").get(certificate::download),
        )
        .service(web::resource("/enrollments/{enrollment}/accept").post(enrollment::accept));
}
