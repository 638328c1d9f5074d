package cmd

import "time"

// DoNotPause lets nothing wait before it looks at files again.
func DoNotPause() { pause = func(time.Duration) {} }
