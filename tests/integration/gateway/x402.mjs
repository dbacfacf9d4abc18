// Reads the PAYMENT-REQUIRED header in the first argument as a client of x402 does, and prints what
// is to be paid: amount, network, payTo, extra.walletId.
import { decodePaymentRequiredHeader } from '@x402/core/http';
import { PaymentRequiredV2Schema } from '@x402/core/schemas';

const required = PaymentRequiredV2Schema.parse(decodePaymentRequiredHeader(process.argv[2]));
const [one] = required.accepts;
console.log([one.amount, one.network, one.payTo, one.extra.walletId, required.resource.url].join(' '));
