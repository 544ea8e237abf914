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

// programs are the names or paths of the servers' programs, from the flags.
type programs struct{ lockd, etcd, consul, zookeeper string }

// missing is reported instead of a version if the program of a system is not installed.
const missing = "not installed"

// systems returns the selected systems that can run, in the order in which they are measured. absent are the selected
// systems that are not installed: the report names them.
func (p programs) systems(list string) (all []system.System, absent []report.Version) {
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
	add("lockd", p.lockd, func(path string) system.System { return lockd.New(path) })
	add("etcd", p.etcd, func(path string) system.System { return etcd.New(path) })
	add("zookeeper", p.zookeeper, func(path string) system.System { return zookeeper.New(path) })
	add("consul", p.consul, func(path string) system.System { return consul.New(path) })
	return all, absent
}

// debian is the directory in which Debian installs zkServer.sh, which is not on PATH.
const debian = "/usr/share/zookeeper/bin"

// lookPath returns the absolute path of a program on PATH or in Debian's directory.
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
