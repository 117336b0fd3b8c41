// SPDX-License-Identifier: Apache-2.0

/** Metrics that no rule asks for, each with the reason. `*` stands for every service. Every other metric must be in a rule. */
export const WITHOUT_ALERT: Readonly<Record<string, string>> = {
  'millrace_*_dead_letters_total': 'DeadLetters looks at what is open, which is what somebody has to do something about',
  'millrace_*_handler_seconds':
    'a handler has a hard limit; one that meets it is a dead letter, one that waits stops its partition',
  'millrace_*_http_requests_in_flight': 'HttpSlow and EventLoopBlocked see what too many of them do',
  'millrace_*_outbox_sent_events_total': 'traffic; OutboxGrowing sees when it is too little',
  'millrace_*_outbox_waiting_events': 'a batch of thousands is right for a moment; OutboxGrowing looks at their age',
  'millrace_*_rpc_in_flight': 'GrpcSlow and EventLoopBlocked see what too many of them do',
  millrace_gateway_inference_events_flushed_total: 'traffic; InferenceEventsWait sees when it is too little',
  millrace_gateway_inference_events_recovered_total: 'good news: none of them was lost; ProcessRestarts sees the kills',
  millrace_gateway_request_seconds:
    'depends on the model and on the length of its answer; OverheadLarge sees the share of the gateway',
  millrace_gateway_requests_in_flight: 'bounded by IN_FLIGHT_MAX, past which requests are refused',
  millrace_gateway_rollout_verdicts_total: 'decisions that did their work; RolloutWithoutVerdict sees when none comes',
  millrace_gateway_time_to_first_byte_seconds: 'depends on the model; OverheadLarge sees the share of the gateway',
  millrace_gateway_tokens_total: 'traffic',
  millrace_ingestion_kept_bytes_total: 'traffic',
  millrace_data_prep_jobs_waiting: 'JobsWait looks at their age',
  millrace_data_prep_rows_total: 'what a recipe drops is its purpose',
  millrace_training_jobs_open: 'JobStuck looks at how long they have not changed',
  millrace_registry_alias_moves_total: 'decisions of people and pipelines, in the audit trail',
  millrace_registry_approvals_requested_total: 'ApprovalsExpire sees those that nobody looks at',
  millrace_registry_evidence_refusals_total: 'the answer to a caller who may not move the alias yet',
  millrace_registry_model_versions_registered_total: 'traffic',
  millrace_registry_run_metrics_logged_total: 'traffic',
  millrace_monitoring_alerts_total: 'they are alerts themselves, sent to the webhooks of the workspace',
  millrace_monitoring_monitor_evaluation_seconds: 'a slow one makes monitors late, which is what EvaluationStalled looks at',
  millrace_monitoring_monitor_evaluations_total: 'traffic, with states that are alerts of the workspace',
  millrace_monitoring_proposals_total: 'decisions that did their work',
  millrace_monitoring_raters_quarantined_total:
    'a decision that did its work; people of the workspace release raters on its page',
  millrace_monitoring_verdicts_total: 'decisions that did their work',
  millrace_runtime_generation_seconds: 'depends on the model and on the length of its answer; QueueLong sees overload',
  millrace_runtime_model_memory_bytes: 'bounded by a setting; ModelsThrash sees when it is too little',
  millrace_runtime_models_resident: 'ModelsThrash sees when they change all the time',
  millrace_runtime_time_to_first_token_seconds: 'depends on the model; QueueLong sees the wait',
  millrace_runtime_tokens_total: 'traffic',
};
