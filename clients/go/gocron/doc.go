// Package lockdgocron lets several gocron schedulers share their jobs through lockd. With a Locker,
// each run of a job executes in one scheduler. With an Elector, all jobs run in the leader.
//
//	locker := lockdgocron.NewLocker(client, lockdgocron.LockerOptions{AtLeast: 10 * time.Second})
//	s, err := gocron.NewScheduler(gocron.WithDistributedLocker(locker))
//	j, err := s.NewJob(gocron.CronJob("0 3 * * *", false), gocron.NewTask(report), gocron.WithName("report"))
//
// gocron does not notify a running job that its lease was lost. Take the token, and the context
// that ends with the lease, from the Lease method of the Locker or Elector, and pass the token to
// every resource to which the job writes.
package lockdgocron
