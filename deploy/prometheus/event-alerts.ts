// SPDX-License-Identifier: Apache-2.0
import type { Alert } from './describe';

/** Alerts on what every service sends and consumes. */
export function eventAlerts(): Alert[] {
  return [...outboxAlerts(), ...standstillAlerts(), ...consumerAlerts(), ...positionAlerts(), ...deadLetterAlerts()];
}

function outboxAlerts(): Alert[] {
  const leader = (value: string, instance = 'a:1') => ({ series: `$p_relay_leader_bool{instance="${instance}"}`, values: value });
  return [
    {
      name: 'OutboxGrowing',
      expr: 'max($p_outbox_oldest_age_seconds) > 60',
      for: '1m',
      severity: 'critical',
      summary: 'The oldest event waits for {{ $value | humanizeDuration }} to be sent',
      description:
        'State is safe, but other services do not hear of it. The broker is away, a topic is missing, or it refuses an event.',
      runbook: 'outbox-growing',
      // Whoever leads, and also while nobody does.
      fires: [{ series: '$p_outbox_oldest_age_seconds{instance="a:1"}', values: '0+60x40' }, leader('0x40')],
      quiet: [{ series: '$p_outbox_oldest_age_seconds{instance="a:1"}', values: '900x28 1x12' }, leader('1x40')],
    },
    {
      name: 'RelayWithoutLeader',
      expr: 'sum($p_relay_leader_bool) < 1',
      for: '2m',
      severity: 'critical',
      summary: 'No process sends the outbox',
      description: 'Nobody holds the lock of the relay: the database is away, or a connection that is gone still holds it.',
      runbook: 'outbox-growing',
      fires: [leader('0x40'), leader('0x40', 'b:1')],
      quiet: [leader('0x40'), leader('1x40', 'b:1')],
    },
    {
      name: 'RelayWithTwoLeaders',
      expr: 'sum($p_relay_leader_bool) > 1',
      for: '2m',
      severity: 'warning',
      summary: '{{ $value }} processes believe that they send the outbox',
      description: 'Events go out twice, which inboxes bear; two databases behind one name would explain it.',
      runbook: 'outbox-growing',
      fires: [leader('1x40'), leader('1x40', 'b:1')],
      quiet: [leader('1x10 0x30'), leader('0x10 1x30', 'b:1')],
    },
    {
      name: 'BrokerRefuses',
      expr: 'sum(rate($p_relay_failures_total[5m])) > 0.01',
      for: '3m',
      severity: 'critical',
      summary: 'The broker does not take events',
      description:
        'Events stay in the outbox and are sent when it is back; requests go on. When OutboxGrowing names it too and the broker is there, a topic is missing.',
      runbook: 'broker-down',
      fires: [{ series: '$p_relay_failures_total{code="MESSAGING.BROKER_UNAVAILABLE"}', values: '0+5x40' }],
      quiet: [{ series: '$p_relay_failures_total{code="MESSAGING.BROKER_UNAVAILABLE"}', values: '0x5 2x35' }],
    },
  ];
}

const lagOf = (values: string) => ({ series: '$p_consumer_lag_events{consumer="c.one",topic="t.v1",instance="a:1"}', values });
const handledBy = (values: string) => ({ series: '$p_consumer_events_total{consumer="c.one",outcome="done"}', values });

function standstillAlerts(): Alert[] {
  const postponed = (values: string) => ({ series: '$p_consumer_events_total{consumer="c.one",outcome="postponed"}', values });
  const known = (values: string) => ({ series: '$p_inbox_duplicates_total{consumer="c.one"}', values });
  // Putting off is not handling; finding that an event was handled before is.
  const handles =
    'sum by (consumer) (increase($p_consumer_events_total{outcome!="postponed"}[5m])) > 0 or sum by (consumer) (increase($p_inbox_duplicates_total[5m])) > 0';
  return [
    {
      name: 'ConsumerStuck',
      expr: `max by (consumer) ($p_consumer_lag_events) > 0 unless on (consumer) (${handles})`,
      for: '3m',
      severity: 'critical',
      summary: '{{ $labels.consumer }} handles nothing although {{ $value }} events wait',
      description: 'A dependency is away and the partition waits for it, or no process is a member of the group.',
      runbook: 'consumer-stuck',
      fires: [lagOf('0+5x40'), handledBy('0+10x5 50x35')],
      alsoFires: [[lagOf('0+5x40'), handledBy('50x40'), known('0x40'), postponed('0+2x40')]],
      quiet: [lagOf('0+5x40'), handledBy('0+10x40')],
      alsoQuiet: [[lagOf('0+5x40'), handledBy('50x40'), known('0+10x40')]],
    },
    {
      name: 'PartitionWaits',
      // A partition that waits asks again at least every 37 s; the 15 minutes that an event may ask for "later" by itself end sooner.
      expr: 'sum by (consumer) (increase($p_consumer_events_total{outcome="postponed"}[5m])) > 3',
      for: '20m',
      severity: 'warning',
      summary: '{{ $labels.consumer }} put off the same work {{ $value }} times in five minutes, for twenty minutes',
      description: 'A dependency of one of its partitions is away; other partitions may go on. The log names partition and code.',
      runbook: 'consumer-stuck',
      fires: [handledBy('0+10x40'), postponed('0+2x40')],
      quiet: [handledBy('0+10x40'), postponed('0x5 0+2x10 20x30')],
    },
  ];
}

function consumerAlerts(): Alert[] {
  return [
    {
      name: 'ConsumerBehind',
      expr: 'max by (consumer) ($p_consumer_lag_events) > 10000',
      for: '10m',
      severity: 'warning',
      summary: '{{ $labels.consumer }} is {{ $value }} events behind',
      description: 'It handles, but slower than events come: add processes of this service, up to the partitions of its topics.',
      runbook: 'consumer-stuck',
      fires: [lagOf('20000x40'), handledBy('0+10x40')],
      quiet: [lagOf('20000x5 10x35'), handledBy('0+10x40')],
    },
    {
      name: 'ConsumerSilent',
      expr: '$p_consumer_heartbeat_age_seconds > 120',
      for: '1m',
      severity: 'critical',
      summary:
        '{{ $labels.consumer }} on {{ $labels.instance }} has had no sign from the broker for {{ $value | humanizeDuration }}',
      description: 'The broker is away, or this member is stuck.',
      runbook: 'broker-down',
      fires: [{ series: '$p_consumer_heartbeat_age_seconds{consumer="c.one",instance="a:1"}', values: '0+60x40' }],
      quiet: [{ series: '$p_consumer_heartbeat_age_seconds{consumer="c.one",instance="a:1"}', values: '3x40' }],
    },
    {
      name: 'ConsumerCrashes',
      expr: 'delta($p_consumer_rebuilds_count[30m]) > 2',
      for: '0m',
      severity: 'warning',
      summary: '{{ $labels.consumer }} on {{ $labels.instance }} was built again {{ $value }} times in half an hour',
      description: 'After six crashes in ten minutes the process ends itself.',
      runbook: 'consumer-stuck',
      fires: [{ series: '$p_consumer_rebuilds_count{consumer="c.one",instance="a:1"}', values: '0+1x40' }],
      quiet: [{ series: '$p_consumer_rebuilds_count{consumer="c.one",instance="a:1"}', values: '7x40' }],
    },
  ];
}

function positionAlerts(): Alert[] {
  const positions = (values: string) => ({ series: '$p_consumer_offset_resets_count{consumer="c.one",instance="a:1"}', values });
  return [
    {
      name: 'ConsumerPositionLost',
      // The second half: `increase` does not see a process that finds its position gone before it is first asked for its figures.
      expr: 'sum by (consumer) (increase($p_consumer_offset_resets_count[30m]) > 0 or ($p_consumer_offset_resets_count > 0 unless $p_consumer_offset_resets_count offset 30m)) > 0',
      for: '0m',
      severity: 'critical',
      summary: '{{ $labels.consumer }} lost its position in a topic and reads it from its start',
      description:
        'The topic was deleted, truncated or made anew: events may have been missed. The log names topic and partition.',
      runbook: 'broker-down',
      fires: [positions('0x20 2x20')],
      alsoFires: [[positions('_x20 1x20')]],
      quiet: [positions('2x80')],
      atMinutes: 40,
    },
  ];
}

function deadLetterAlerts(): Alert[] {
  return [
    {
      name: 'DeadLetters',
      expr: 'max by (consumer) ($p_dead_letters_open_events) > 0',
      for: '0m',
      severity: 'warning',
      summary: '{{ $value }} dead letters of {{ $labels.consumer }} wait for somebody',
      description: 'Events that could not be handled. Nothing is lost: look, repair, replay or drop.',
      runbook: 'dead-letters',
      fires: [{ series: '$p_dead_letters_open_events{consumer="c.one"}', values: '0x20 1x20' }],
      quiet: [{ series: '$p_dead_letters_open_events{consumer="c.one"}', values: '1x20 0x20' }],
    },
    {
      name: 'DeadLettersForgotten',
      expr: 'max by (consumer) ($p_dead_letters_oldest_age_seconds) > 86400',
      for: '0m',
      severity: 'critical',
      summary: 'A dead letter of {{ $labels.consumer }} is {{ $value | humanizeDuration }} old',
      description: 'What it would have changed is missing since then.',
      runbook: 'dead-letters',
      fires: [{ series: '$p_dead_letters_oldest_age_seconds{consumer="c.one"}', values: '90000x40' }],
      quiet: [{ series: '$p_dead_letters_oldest_age_seconds{consumer="c.one"}', values: '80000x40' }],
    },
  ];
}
