package state

import "maps"

// Quarantine is what was found of the sets of a task at the last training: sets that were left
// out, and sets that could not be compared, each by CID with the reason.
type Quarantine struct {
	Out    map[string]string `json:"out,omitempty"`
	Marked map[string]string `json:"marked,omitempty"`
}

// Quarantine is that of a task, by its CID; empty for none.
func (s *State) Quarantine(task string) Quarantine {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.doc.Quarantine[task]
	return Quarantine{maps.Clone(q.Out), maps.Clone(q.Marked)}
}

// Quarantines are those of all tasks, by CID.
func (s *State) Quarantines() map[string]Quarantine {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.doc.Quarantine)
}

// SetQuarantine replaces that of a task.
func (s *State) SetQuarantine(task string, q Quarantine) error {
	return s.change(func(d *document) error {
		if len(q.Out)+len(q.Marked) == 0 {
			delete(d.Quarantine, task)
			return nil
		}
		if d.Quarantine == nil {
			d.Quarantine = map[string]Quarantine{}
		}
		d.Quarantine[task] = q
		return nil
	})
}
