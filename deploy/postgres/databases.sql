-- SPDX-License-Identifier: Apache-2.0
-- One role and one database per service; events go over Kafka. Passwords are for docker-compose.yml and the overlay dev only.
create role millrace_ingestion login password 'ingestion';
create role millrace_data_prep login password 'data-prep';
create role millrace_training login password 'training';
create role millrace_registry login password 'registry';
create role millrace_gateway login password 'gateway';
create role millrace_monitoring login password 'monitoring';
create database millrace_ingestion owner millrace_ingestion;
create database millrace_data_prep owner millrace_data_prep;
create database millrace_training owner millrace_training;
create database millrace_registry owner millrace_registry;
create database millrace_gateway owner millrace_gateway;
create database millrace_monitoring owner millrace_monitoring;
