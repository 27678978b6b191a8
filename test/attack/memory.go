package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is the most memory that a process had, in MiB, where the system says so.
type usage struct {
	own      float64 // without the pages of files, which processes of one program share
	resident float64 // with them
}

// weigh looks at the memory of all processes every second.
func (h *honest) weigh(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, one := range h.all() {
			now := usageOf(one.cmd.Process.Pid)
			h.mu.Lock()
			one.most = usage{max(one.most.own, now.own), max(one.most.resident, now.resident)}
			h.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// usageOf is the present memory of a process, and the most that was resident.
func usageOf(pid int) (u usage) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // none but on Linux
	for line := range strings.Lines(string(status)) {
		for name, to := range map[string]*float64{"RssAnon:": &u.own, "VmHWM:": &u.resident} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kib, _ := strconv.Atoi(strings.Fields(rest)[0])
				*to = float64(kib) / 1024
			}
		}
	}
	return u
}

// memory is the most that an edge and a trainer had.
func (h *honest) memory() (edge, trainer usage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := func(of []*process) (u usage) {
		for _, one := range of {
			u = usage{max(u.own, one.most.own), max(u.resident, one.most.resident)}
		}
		return u
	}
	return most(h.edges), most(h.trainers)
}
