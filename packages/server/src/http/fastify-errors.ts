import { refuse } from '../errors.ts';

/** Fastify's own refusals, in our words; anything else as it is. */
export function fromFastify(error: unknown): unknown {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('body_too_large', 'the body is larger than this gateway takes');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('media_type_unsupported', 'this address does not take bodies of this type');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return refuse('body_invalid', 'the body is not JSON');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'ECONNRESET':
      return refuse('request_invalid', 'the body is not as long as it says');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_ASYNC_CONSTRAINT':
      return refuse('not_found', 'there is nothing at this address');
    default:
      return error;
  }
}
