package main

import (
	"os/exec"
	"path/filepath"

	"github.com/lockd/lockd/bench/consul"
	"github.com/lockd/lockd/bench/echo"
	"github.com/lockd/lockd/bench/etcd"
	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/bench/zookeeper"
)

// found is where the servers' programs are looked for.
type found struct{ lockd, etcd, consul, zookeeper string }

// missing is what stands for a system whose program is not there.
const missing = "not installed"

// systems returns those that can run, in the order in which they are measured,
// and says which cannot. A system that is not there is never passed over in silence.
func (f found) systems(list string) (all []system.System, absent []report.Version) {
	add := func(name, program string, make func(path string) system.System) {
		if !wanted(name, list) {
			return
		}
		path, err := lookPath(program)
		if err != nil {
			absent = append(absent, report.Version{Name: name, Missing: missing})
			return
		}
		all = append(all, make(path))
	}
	all = append(all, echo.New())
	add("lockd", f.lockd, func(path string) system.System { return lockd.New(path) })
	add("etcd", f.etcd, func(path string) system.System { return etcd.New(path) })
	add("zookeeper", f.zookeeper, func(path string) system.System { return zookeeper.New(path) })
	add("consul", f.consul, func(path string) system.System { return consul.New(path) })
	return all, absent
}

// debian is where Debian puts what it does not put on PATH.
const debian = "/usr/share/zookeeper/bin"

func lookPath(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath(filepath.Join(debian, program))
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}
