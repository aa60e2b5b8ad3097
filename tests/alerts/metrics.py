"""Every metric that the rules may look at, by who exposes it."""

OF_THE_EXPORTER = frozenset(
    {
        "outage_alternative_info",
        "outage_blocked",
        "outage_cause",
        "outage_chatter_score",
        "outage_confidence",
        "outage_crowd_spiking",
        "outage_exporter_build_info",
        "outage_exporter_config_last_reload_successful",
        "outage_exporter_worker_restarts_total",
        "outage_feature_info",
        "outage_region_info",
        "outage_region_seeing",
        "outage_reports",
        "outage_reports_baseline",
        "outage_reports_score",
        "outage_service_info",
        "outage_service_objective_ratio",
        "outage_signal_errors_total",
        "outage_signal_fresh",
        "outage_signal_last_success_timestamp_seconds",
        "outage_state",
        "outage_statement",
        "outage_upstream_incident",
        "outage_verdict",
        "probe_attempts_total",
        "probe_failures_total",
        "probe_last_run_timestamp_seconds",
        "probe_ssl_earliest_cert_expiry",
        "probe_success",
    }
)

FROM_THE_STACK = frozenset(
    {
        # Prometheus of itself and of its targets
        "ALERTS",
        "ALERTS_FOR_STATE",
        "prometheus_config_last_reload_successful",
        "prometheus_notifications_alertmanagers_discovered",
        "prometheus_notifications_dropped_total",
        "prometheus_notifications_errors_total",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_rule_group_iterations_missed_total",
        "up",
        # Alertmanager
        "alertmanager_config_last_reload_successful",
        "alertmanager_notifications_failed_total",
    }
)
