// Package lockdgocron lets several gocron schedulers share their jobs through
// lockd: each run is somebody's alone, by a Locker, or all jobs are the leader's,
// by an Elector.
//
//	locker := lockdgocron.NewLocker(client, lockdgocron.LockerOptions{AtLeast: 10 * time.Second})
//	s, err := gocron.NewScheduler(gocron.WithDistributedLocker(locker))
//	j, err := s.NewJob(gocron.CronJob("0 3 * * *", false), gocron.NewTask(report), gocron.WithName("report"))
//
// A job that a scheduler has begun is not told that its lease was lost: take the
// token, and the context that ends then, from the lease of the Locker or Elector,
// and give the token to whatever the job writes to.
package lockdgocron
