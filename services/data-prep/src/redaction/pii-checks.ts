// SPDX-License-Identifier: Apache-2.0
import { isIPv6 } from 'node:net';

/** Luhn checksum (ISO/IEC 7812-1 annex B) over a string of digits. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return digits.length > 0 && sum % 10 === 0;
}

/** Issuer ranges of ISO/IEC 7812 with their lengths: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay. */
const CARD_RANGES: readonly [RegExp, readonly number[]][] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16, 17, 18, 19]],
  [/^3(?:0[0-5]|[68])/, [14]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^62/, [16, 17, 18, 19]],
];

export function isCardNumber(digits: string): boolean {
  const known = CARD_RANGES.some(([prefix, lengths]) => prefix.test(digits) && lengths.includes(digits.length));
  return known && passesLuhn(digits) && !/^(\d)\1+$/.test(digits);
}

/** IBAN length per country, from the SWIFT IBAN registry. */
const IBAN_LENGTHS: Readonly<Record<string, number>> = Object.fromEntries(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 ' +
    'GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 ' +
    'MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 ' +
    'TL23 TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

export function ibanLength(country: string): number | undefined {
  return IBAN_LENGTHS[country];
}

/** ISO 13616: the first four characters go to the end, letters become 10..35, the number is 1 modulo 97. */
export function isIban(compact: string): boolean {
  if (IBAN_LENGTHS[compact.slice(0, 2)] !== compact.length) return false;
  let remainder = 0;
  for (const character of compact.slice(4) + compact.slice(0, 4)) {
    const value = parseInt(character, 36);
    if (Number.isNaN(value)) return false;
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97;
  }
  return remainder === 1;
}

/** Four octets in range without leading zeros, and neither loopback nor "any": those name no person. */
export function isPersonalIpv4(address: string): boolean {
  const octets = address.split('.');
  if (octets.length !== 4) return false;
  if (!octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)) return false;
  return octets[0] !== '127' && octets[0] !== '0' && address !== '255.255.255.255';
}

/** A valid IPv6 address with at least three groups written out ("a::b" is more often code than an address). */
export function isPersonalIpv6(address: string): boolean {
  return isIPv6(address) && (address.match(/[0-9A-Fa-f]+/g) ?? []).length >= 3;
}

/**
 * Telephone numbers: E.164 with "+" (8 to 15 digits), North American 3-3-4 with valid area and exchange codes, and numbers with
 * a trunk zero in groups. A bare run of digits is an order number as often as a telephone, so it does not count.
 */
export function isPhone(candidate: string): boolean {
  const digits = candidate.replace(/\D/g, '');
  if (candidate.startsWith('+')) return digits.length >= 8 && digits.length <= 15 && digits[0] !== '0';
  if (/^\(?[2-9]\d{2}\)?[ .-]?[2-9]\d{2}[ .-]\d{4}$/.test(candidate)) return true;
  return /^0\d{1,4}[ /-]\d/.test(candidate) && digits.length >= 9 && digits.length <= 12;
}

/** US social security number ranges: area not 000, 666 or 9xx, group not 00, serial not 0000. */
export function isSocialSecurityNumber(candidate: string): boolean {
  const [area, group, serial] = candidate.split('-');
  return area !== '000' && area !== '666' && area[0] !== '9' && group !== '00' && serial !== '0000';
}
