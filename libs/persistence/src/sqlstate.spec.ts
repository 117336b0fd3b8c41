// SPDX-License-Identifier: Apache-2.0
import { mapConnectError, mapDriverError } from './sqlstate';

const failure = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields);
const answer = (code: string): Error => failure('as the server said', { code, severity: 'FATAL' });

describe('what the driver throws', () => {
  it.each([
    ['no more files of this process', failure('connect EMFILE 127.0.0.1:5432', { code: 'EMFILE' })],
    ['no more files of this machine', failure('connect ENFILE 127.0.0.1:5432', { code: 'ENFILE' })],
    ['a server without TLS', failure('The server does not support SSL connections')],
    ['a server that stumbles over TLS', failure('There was an error establishing an SSL connection')],
    ['a certificate that has expired', failure('certificate has expired', { code: 'CERT_HAS_EXPIRED' })],
    ['a certificate of nobody', failure('self-signed certificate', { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })],
    ['a chain without its end', failure('unable to verify', { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })],
    ['a certificate of another host', failure("Host: db. is not cert's", { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })],
    ['broken TLS', failure('decryption failed', { code: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' })],
    ['no TLS at all', failure('wrong version number', { code: 'EPROTO' })],
  ])('is a database that is away: %s', (_name, error) => {
    expect(mapDriverError(error)).toMatchObject({ code: 'PERSISTENCE.UNAVAILABLE', kind: 'unavailable', retry: 'later' });
  });

  it.each(['54000', '54001', '54023', '22P05'])('is the mistake of who sent the value or the statement: %s', (code) => {
    expect(mapDriverError(answer(code))).toMatchObject({ code: 'PERSISTENCE.INVALID_VALUE', kind: 'invalid', retry: 'never' });
  });

  it('is a failed statement where no rule covers it, and away while there is no connection to send one over', () => {
    const unknown = [failure('connect ENOENT /run/.s.PGSQL.5432', { code: 'ENOENT' }), answer('42501'), answer('XX000')];
    expect(unknown.map((error) => mapDriverError(error).code)).toEqual(unknown.map(() => 'PERSISTENCE.QUERY_FAILED'));
    expect(unknown.map((error) => mapConnectError(error).code)).toEqual(unknown.map(() => 'PERSISTENCE.UNAVAILABLE'));
    expect(mapConnectError(answer('42501'))).toMatchObject({ details: { sqlstate: '42501' } });
    expect(mapConnectError(answer('53300')).code).toBe('PERSISTENCE.STORAGE_FULL');
  });
});
