package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockd/lockd/bench/consul"
	"github.com/lockd/lockd/bench/etcd"
	"github.com/lockd/lockd/bench/lockd"
	"github.com/lockd/lockd/bench/report"
	"github.com/lockd/lockd/bench/system"
	"github.com/lockd/lockd/bench/zookeeper"
)

// programs are the names or paths of the servers' programs, from the flags.
type programs struct{ lockd, baseline, etcd, consul, zookeeper string }

// missing is reported instead of a version if the program of a system is not installed.
const missing = "not installed"

// systems returns the selected systems that can run, in the order in which they are measured. absent are the selected
// systems that are not installed: the report names them.
func (p programs) systems(list string) (all []system.System, absent []report.System) {
	add := func(program string, make func(path string) system.System) {
		s := make(program)
		if list != "" && !slices.Contains(strings.Split(list, ","), s.Info().Name) {
			return
		}
		path, err := lookPath(program)
		if err != nil {
			absent = append(absent, report.System{Info: s.Info(), Missing: missing})
			return
		}
		all = append(all, make(path))
	}
	for _, caller := range []lockd.Caller{lockd.GoClient, lockd.NetHTTP, lockd.Lean} {
		add(p.lockd, func(path string) system.System { return lockd.New(path, caller, false) })
		if p.baseline != "" {
			add(p.baseline, func(path string) system.System { return lockd.New(path, caller, true) })
		}
	}
	for _, shared := range []bool{true, false} {
		add(p.etcd, func(path string) system.System { return etcd.New(path, shared) })
	}
	add(p.zookeeper, func(path string) system.System { return zookeeper.New(path) })
	add(p.consul, func(path string) system.System { return consul.New(path) })
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
