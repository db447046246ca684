export { jobOf, tiedJobOf } from '../../conformance/src/job-store/jobs.ts'
