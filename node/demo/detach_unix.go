//go:build unix

package demo

import (
	"os/exec"
	"syscall"
)

// detach puts a node into a process group of its own, so that Ctrl-C reaches
// this process alone, which then stops the nodes in order.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
