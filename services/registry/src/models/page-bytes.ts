// SPDX-License-Identifier: Apache-2.0
const TAG_BYTES = 'COALESCE(sum(24 + octet_length(t.key) + octet_length(t.value)), 0)';

/** UTF-8 bytes that a model version `v` brings into a page. */
export const VERSION_BYTES = `400 + octet_length(v.model_name) + octet_length(v.source) + octet_length(v.storage_location)
  + octet_length(v.run_id) + octet_length(v.run_link) + COALESCE(octet_length(v.description), 0)
  + COALESCE(octet_length(v.lineage::text), 0)
  + (SELECT ${TAG_BYTES} FROM model_version_tags t
    WHERE t.workspace = v.workspace AND t.model_name = v.model_name AND t.version = v.version)`;

/** UTF-8 bytes that a registered model `m` brings into a page, with the newest version of each stage. */
export const MODEL_BYTES = `250 + octet_length(m.name) + COALESCE(octet_length(m.description), 0)
  + (SELECT ${TAG_BYTES} FROM registered_model_tags t WHERE t.workspace = m.workspace AND t.model_name = m.name)
  + (SELECT COALESCE(sum(24 + octet_length(a.alias)), 0) FROM aliases a
    WHERE a.workspace = m.workspace AND a.model_name = m.name)
  + (SELECT COALESCE(sum(${VERSION_BYTES}), 0) FROM model_versions v
    WHERE v.workspace = m.workspace AND v.model_name = m.name AND v.version IN (
      SELECT max(n.version) FROM model_versions n WHERE n.workspace = m.workspace AND n.model_name = m.name
        AND n.stage <> 'Deleted_Internal' GROUP BY n.stage))`;
