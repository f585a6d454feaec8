export { countBackupCodes } from '../store/backup-codes.ts';
