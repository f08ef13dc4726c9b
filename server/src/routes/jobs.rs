//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};

use crate::access::Caller;
use crate::error::ApiError;
use crate::wire::{JobBody, JobsBody};

/// Items of one response.
const MAX_ITEMS: usize = 1000;

/// Jobs of one response.
const MAX_JOBS: usize = 100;

/// The latest jobs.
///
/// What was asked to change, newest first, one hundred at most.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "documents",
    responses((status = 200, description = "The jobs.", body = JobsBody))
)]
pub(super) async fn jobs(caller: Caller) -> Json<JobsBody> {
    let latest = caller.state().jobs().latest();
    let seen = latest.iter().filter(|job| caller.sees(job.collection()));
    let jobs = seen.take(MAX_JOBS).map(|job| JobBody::new(job, None)).collect();
    Json(JobsBody { jobs })
}

/// A job.
///
/// How far it is, and what became of its items, a thousand from `from` on. The latest
/// thousand jobs are remembered, until the server ends.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "documents",
    params(
        ("id" = String, Path, description = "The job's name.", example = "19a4c2f1e30-7"),
        ("from" = Option<u32>, Query, description = "Place of the first item that is shown, from 0."),
    ),
    responses((status = 200, description = "The job.", body = JobBody))
)]
pub(super) async fn job(
    caller: Caller,
    Path(id): Path<String>,
    pairs: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Json<JobBody>, ApiError> {
    let Query(pairs) = pairs.map_err(|_| ApiError::MalformedPath)?;
    let mut from = 0;
    for (name, value) in pairs {
        if name != "from" {
            return Err(ApiError::UnknownParameter {
                parameter: name.chars().take(80).collect(),
                known: "from".to_owned(),
            });
        }
        let reason = "it must be a whole number from 0";
        from =
            value.parse::<u32>().map_err(|_| ApiError::invalid("from", &value, reason))? as usize;
    }
    let unknown = || ApiError::UnknownJob { id: id.chars().take(80).collect() };
    let job = caller.state().jobs().get(&id);
    let job = job.filter(|job| caller.sees(job.collection())).ok_or_else(unknown)?;
    let items = job.items(from, MAX_ITEMS);
    Ok(Json(JobBody::new(&job, Some(items))))
}
