// SPDX-License-Identifier: Apache-2.0
import { orInterrupted } from '#libs/testing';
import { detectPii } from './detect-pii';
import { isIban, isPersonalIpv4, passesLuhn } from './pii-checks';
import { maskedText, maskedValue, redactText } from './redact-text';

const found = (text: string) => detectPii(text).map((match) => `${match.type}:${match.value}`);
const options = { pseudonymKey: 'test key' };

describe('checks', () => {
  it.each(['4111111111111111', '79927398713'])('Luhn accepts %s', (digits) => expect(passesLuhn(digits)).toBe(true));
  it.each(['4111111111111112', ''])('Luhn refuses "%s"', (digits) => expect(passesLuhn(digits)).toBe(false));
  it.each(['DE89370400440532013000', 'GB82WEST12345698765432', 'NO9386011117947'])('IBAN %s is right', (iban) =>
    expect(isIban(iban)).toBe(true),
  );
  it.each(['DE89370400440532013001', 'DE8937040044053201300', 'XX89370400440532013000'])('IBAN %s is wrong', (iban) =>
    expect(isIban(iban)).toBe(false),
  );
  it.each(['256.1.1.1', '1.2.3', '01.2.3.4', '127.0.0.1', '0.0.0.0'])('%s is no personal IPv4', (ip) =>
    expect(isPersonalIpv4(ip)).toBe(false),
  );
});

describe('detectPii', () => {
  it.each([
    ['write to Ada.Lovelace+x@mail.example.org.', ['EMAIL:Ada.Lovelace+x@mail.example.org']],
    ['card 4111 1111 1111 1111, thanks', ['CREDIT_CARD:4111 1111 1111 1111']],
    ['card 4111 1111 1111 1112, thanks', []],
    ['IBAN DE89 3704 0044 0532 0130 00 please', ['IBAN:DE89 3704 0044 0532 0130 00']],
    ['IBAN DE89 3704 0044 0532 0130 01 please', []],
    ['call +49 30 901820 or (212) 555-0123', ['PHONE:+49 30 901820', 'PHONE:(212) 555-0123']],
    ['call 030 9018200 now', ['PHONE:030 9018200']],
    ['from 203.0.113.7 to 2001:db8::8a2e:370:7334', ['IPV4:203.0.113.7', 'IPV6:2001:db8::8a2e:370:7334']],
    ['version 1.2.3.4.5, section 300.1.1.1, at 12:30:45, std::string, a::b', []],
    [
      'key AKIAIOSFODNN7EXAMPLE and ghp_0123456789abcdefghijklmnopqrstuvwxyz',
      ['API_KEY:AKIAIOSFODNN7EXAMPLE', 'API_KEY:ghp_0123456789abcdefghijklmnopqrstuvwxyz'],
    ],
    [
      'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl, x',
      ['API_KEY:eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl'],
    ],
    [
      'jwt_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl',
      ['API_KEY:jwt_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl'],
    ],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln and hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0xyz.c2lnbmF0dXJl', []],
    ['ssn 078-05-1120 and 000-12-3456', ['SSN:078-05-1120']],
    ['in 2026-11-23, order 4829104, 3.14159265358979 and 1,234,567.89', []],
    ['@handle a@b .@x.y', []],
  ])('%s', (text, expected) => expect(found(text)).toEqual(expected));

  it('takes a private key as one block', () => {
    const block = '-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----';
    expect(detectPii(`x ${block} y`)).toEqual([{ type: 'API_KEY', start: 2, end: 2 + block.length, value: block }]);
  });

  it('looks only for the wanted types', () => {
    expect(detectPii('a@b.org 203.0.113.7', new Set(['IPV4'])).map((match) => match.type)).toEqual(['IPV4']);
  });

  it.each([
    ['digits', '1', 0],
    ['digit pairs', '12 ', 0],
    ['at signs', 'a@', 0],
    ['dotted labels', 'a.', 0],
    ['addresses of labels', 'a@b.', 0],
    ['colons', 'a:', 0],
    ['token heads', 'eyJ', 0],
    ['token heads with full stops', 'eyJ.', 0],
    ['upper case', 'DE89 ABCD ', 0],
    ['pluses', '+1 ', 0],
    ['key headers without a footer', '-----BEGIN RSA PRIVATE KEY-----', 1],
    ['key headers cut off', '-----BEGIN ABABABABABAB ABABABABABAB ', 0],
  ])('reads two megabytes of %s to their end: a detector that is quadratic would take an hour', (_, part, findings) => {
    const text = part.repeat(2_000_000 / part.length);
    expect(orInterrupted(() => detectPii(text))).toHaveLength(findings);
  });
});

describe('redactText', () => {
  it('gives the same value the same typed name, whatever its case or grouping', () => {
    const { text } = redactText('a@x.org A@X.org b@x.org +49 30 901820 +49-30-901820', options);
    const names = text.split(' ');
    expect(names[0]).toMatch(/^\[EMAIL_[0-9a-f]{4}\]$/);
    expect(names[1]).toBe(names[0]);
    expect(names[2]).not.toBe(names[0]);
    expect(names[3]).toBe(names[4]);
  });

  it('depends on the key, keeps the rest of the text, and finds nothing in its own output', () => {
    const first = redactText('mail a@x.org today', options).text;
    expect(first).not.toBe(redactText('mail a@x.org today', { pseudonymKey: 'other' }).text);
    expect(first).toMatch(/^mail \[EMAIL_[0-9a-f]{4}\] today$/);
    expect(redactText(first, options)).toEqual({ text: first, matches: [] });
  });
});

describe('masking', () => {
  it('never shows a whole value', () => {
    expect(maskedValue({ type: 'EMAIL', value: 'ada@example.org' })).toBe('a***@e***.org');
    expect(maskedValue({ type: 'CREDIT_CARD', value: '4111 1111 1111 1111' })).toBe('***11');
    expect(maskedText('hello ada@example.org and some more words', 24)).toBe('hello a***@e***.org and …');
  });
});
