/** What a selector tells its set: each change of what is watched, in order. On epoll these are the system calls. */
import { type Backend, constants } from 'iomux';
import { onTestFinished, vi } from 'vitest';
import { native } from '../../lib/native/load.js';
import { AddonSet } from '../../lib/selectors/addon-set.js';

export interface SetChange {
  readonly change: 'add' | 'change' | 'remove';
  readonly fd: number;
}

/** The changes from now on, until the test ends. Calls go through. */
export function setChanges(backend: Backend): SetChange[] {
  return backend === 'epoll' ? epollChanges() : addonChanges();
}

function epollChanges(): SetChange[] {
  const { EPOLL_CTL_ADD, EPOLL_CTL_MOD } = constants;
  const changes: SetChange[] = [];
  const { epollControl } = native;
  if (epollControl === undefined) throw new Error('the addon has no epoll');
  native.epollControl = (epfd, operation, fd, generation, events) => {
    const change = operation === EPOLL_CTL_ADD ? 'add' : operation === EPOLL_CTL_MOD ? 'change' : 'remove';
    changes.push({ change, fd });
    return epollControl(epfd, operation, fd, generation, events);
  };
  onTestFinished(() => {
    native.epollControl = epollControl;
  });
  return changes;
}

/** A set of the addon takes a change as another `add`. */
function addonChanges(): SetChange[] {
  const changes: SetChange[] = [];
  const { add, remove } = AddonSet.prototype;
  const spies = [
    vi.spyOn(AddonSet.prototype, 'add').mockImplementation(function (this: AddonSet, registration) {
      changes.push({ change: 'add', fd: registration.fd });
      add.call(this, registration);
    }),
    vi.spyOn(AddonSet.prototype, 'change').mockImplementation(function (this: AddonSet, wanted) {
      changes.push({ change: 'change', fd: wanted.fd });
      add.call(this, wanted);
    }),
    vi.spyOn(AddonSet.prototype, 'remove').mockImplementation(function (this: AddonSet, fd) {
      changes.push({ change: 'remove', fd });
      return remove.call(this, fd);
    }),
  ];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  return changes;
}
